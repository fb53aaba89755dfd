"""kube-apiserver: defaulting, allocation, validation."""
