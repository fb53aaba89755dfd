"""Carry a packet and its answer from host to host, each way on its own.

`topology` builds the hosts around a cluster (`plan` their addresses, `node_host` Nodes and Pods, `outside`
the router and what lies behind it, `cloud` load balancers). `carry` moves a packet: a `stay` at each
host passes its `hooks` (netfilter), `wire` and `bridge` lead to the next. `conversation` sends a
question and hears what comes back. Every value is frozen; a fork copies the small state it needs.
"""
