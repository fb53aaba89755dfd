"""kube-proxy: what a node is told."""
