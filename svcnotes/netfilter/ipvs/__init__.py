"""IPVS in the kernel: virtual servers asked at the hooks, between the rules of other languages.

Sources: ip_vs_core.c, ip_vs_xmit.c, ip_vs_nfct.c, ip_vs_conn.c and the schedulers in net/netfilter/ipvs of Linux.
Never held against a kernel: the machines that this model was made on have no IPVS. Each behaviour is from the
source named beside it.

The switches that kube-proxy sets are taken as set: vs.conntrack, vs.expire_nodest_conn, vs.expire_quiescent_template.
Left out: forwarding by routing and by tunnels (kube-proxy uses neither), marks instead of addresses, FTP,
synchronising a second machine, and ICMP errors that a client sends about an answer.
"""
