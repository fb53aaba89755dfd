"""netfilter: what Linux does with a packet; knows nothing of Kubernetes."""
