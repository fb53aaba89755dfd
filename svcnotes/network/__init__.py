"""Hosts, interfaces, routes and bridges: what carries a packet there and back."""
