#!/bin/bash
# Measures a hairpin in a real kernel, in network namespaces of its own: `sudo unshare -n -m bash record.sh > measured.csv`.
# A bridge cni0, the pods anna and bert on it, and the rules of one Service cut down to what matters:
# 10.96.0.80 leads to anna, 10.96.0.81 to bert. Needs iptables, bridge ports, br_netfilter and Python.
set -eu
mount -t tmpfs none /run
mkdir /run/netns
ip link set lo up
ip link add name cni0 type bridge
ip addr add 10.244.1.1/24 dev cni0
ip link set cni0 up
sysctl -qw net.ipv4.ip_forward=1
last=10
for pod in anna bert; do
  ip netns add $pod
  ip link add "veth-$pod" type veth peer name eth0 netns $pod
  ip link set "veth-$pod" master cni0 up
  ip -n $pod addr add 10.244.1.$last/24 dev eth0
  ip -n $pod link set eth0 up
  ip -n $pod link set lo up
  ip -n $pod route add default via 10.244.1.1
  last=$((last + 1))
done
nat="iptables -t nat"
$nat -A PREROUTING -d 10.96.0.80/32 -s 10.244.1.10/32 -j MARK --set-xmark 0x4000/0x4000
$nat -A PREROUTING -d 10.96.0.80/32 -p tcp --dport 80 -j DNAT --to-destination 10.244.1.10:8080
$nat -A PREROUTING -d 10.96.0.81/32 -p tcp --dport 80 -j DNAT --to-destination 10.244.1.11:8080
$nat -A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE

cat > /run/answer.py <<'P'
import socket
listener = socket.create_server(("0.0.0.0", 8080))
while True:
    caller, address = listener.accept()
    caller.sendall(address[0].encode())
    caller.close()
P
cat > /run/call.py <<'P'
import socket, sys
try:
    print("connected", socket.create_connection((sys.argv[1], 80), 2).recv(64).decode(), sep=",")
except TimeoutError:
    print("timeout", "", sep=",")
P
started=""
for pod in anna bert; do
  ip netns exec $pod python3 /run/answer.py < /dev/null > /dev/null 2>&1 &
  started="$started $!"
done
sleep 1

echo "kernel,rule,bridge_nf,hairpin,called,outcome,source_seen,masqueraded"
for rule in in out; do
  [ $rule = out ] && $nat -D PREROUTING 1
  for seen in 1 0; do
    for flag in on off; do
      sysctl -qw net.bridge.bridge-nf-call-iptables=$seen
      for pod in anna bert; do ip link set "veth-$pod" type bridge_slave hairpin $flag; done
      for called in anna:10.96.0.80 bert:10.96.0.81; do
        $nat -Z
        answer=$(ip netns exec anna python3 /run/call.py "${called#*:}")
        hits=$($nat -L POSTROUTING -v -n | awk '/MASQUERADE/ {print ($1 > 0) ? "yes" : "no"}')
        echo "$(uname -r | cut -d. -f1,2),$rule,$seen,$flag,${called%:*},$answer,$hits"
      done
    done
  done
done
kill $started
