"""nftables: what `nft list ruleset` prints, read and printed again, and walked as the kernel does.

`layout` finds tables, chains and sets in a text; `statements` and `expressions` read a rule into the values of
`syntax`, which print themselves as nft does; `document` does so for a whole text. `compile` turns rules into
closures, `lookup` finds elements, `chain` tries the rules in order, `ruleset` holds it all.

Sources: the nft(8) manual, and nf_tables_core.c (nft_do_chain) and the nft_*.c files of the kernel.
"""
