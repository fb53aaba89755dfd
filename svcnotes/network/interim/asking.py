"""Ask: the packet goes there, the answer comes home."""
from __future__ import annotations
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from ipaddress import ip_address
from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import QuestionError, RuleError
from svcnotes.kube_proxy import rules as rules_text
from svcnotes.kube_proxy.healthcheck import answer as health_answer, listening_ports
from svcnotes.netfilter.ruleset import Ruleset
from svcnotes.network.interim.carry import NET_UNREACHABLE, PORT_UNREACHABLE, Carrier, Landing, Memory
from svcnotes.network.interim.host import within
from svcnotes.network.interim.topology import CLIENT, build, router_address
from svcnotes.packet import Packet, endpoint_text
from svcnotes.trace import Path, Trace

@lru_cache(maxsize=64)
def parsed(text, family): return Ruleset.parse(text, family).check() if len(text)<2_000_000 else Ruleset.parse(text,family)

def cni_rule(text, cluster, node, family):
    pod = next((c for c in cluster.nodes[node].pod_cidrs if (":" in c)==(family==6)), "")
    whole = next((c for c in cluster.proxy.cluster_cidrs if (":" in c)==(family==6)), "")
    if not cluster.world.cni_masquerade or not pod or not whole: return text
    lines=text.split("\n"); 
    at=max(i for i,l in enumerate(lines) if l.startswith("-A POSTROUTING"))
    lines.insert(at+1, f"-A POSTROUTING -s {pod} ! -d {whole} -j MASQUERADE")
    return "\n".join(lines)

def trace(cluster, source, to, protocol="tcp", via=None, proxy_mode=None, source_port=40112):
    host_text, _, port_text = to.rpartition(":"); dst=host_text.strip("[]"); port=int(port_text)
    family = ip_address(dst).version; dst=str(ip_address(dst))
    outside=[]
    if source.startswith("pod/"):
        name=source[4:]; pod=cluster.pods[name]; host=pod.node if pod.host_network else name; addr=pod.address(family)
    elif source.startswith("node/"):
        host=source[5:]; addr=""
    else:
        addr=CLIENT[family] if source=="client" else source; outside.append(addr)
        host="client" if addr==CLIENT[family] else next((h.name for h in cluster.world.hosts if h.address==addr), addr)
    manual=set()
    for s in cluster.endpoint_slices:
        for e in s.endpoints:
            for a in e.addresses:
                if not e.pod and not any(p.address(family)==a for p in cluster.pods.values()) and (":" in a)==(family==6): outside.append(a)
                if not e.pod:
                    for p in s.ports: manual.add((a,p.protocol,p.number))
    routes={dst: via} if via else {}
    topo=build(cluster,family,tuple(dict.fromkeys(outside)),routes)
    if not addr: addr=topo.hosts[host].source_for(dst)
    def rules(name):
        if name not in cluster.nodes: return None
        return parsed(cni_rule(rules_text(cluster,name,proxy_mode,family),cluster,name,family),family)
    wire="tcp" if protocol=="http" else protocol
    there=Carrier(topo,rules); back=Carrier(topo,rules,direction="back")
    syn=Packet(wire,addr,source_port,dst,port,"SYN" if wire=="tcp" else "")
    paths=[]
    for l in there.send(host,syn,Memory()):
        paths += finish(cluster,topo,back,host,syn,l,family,protocol,manual,port)
    return Trace(source,to,protocol,proxy_mode or cluster.proxy.mode,addr,endpoint_text(dst,port),via,tuple(paths))

def listens(cluster, topo, l, family, protocol, manual):
    h=topo.hosts[l.host]; p=l.packet; proto=p.protocol.upper()
    if h.kind=="pod":
        return cluster.pods[h.name].answers(proto,p.destination_port), h.name
    if h.kind=="node":
        for pod in topo.pods_by_address.get(p.destination,()):
            if pod.host_network and pod.listens is not None and pod.answers(proto,p.destination_port): return True,pod.key
        if p.protocol=="tcp":
            ports=listening_ports(cluster,h.name,family)
            if p.destination_port in ports and (not ports[p.destination_port] or p.destination in ports[p.destination_port]): return True,None
        return False,None
    if h.kind=="outside":
        for o in cluster.world.hosts:
            if o.address==p.destination: return (o.serves is None or (proto,p.destination_port) in o.serves), None
        return (p.destination,proto,p.destination_port) in manual, None
    return False,None

def finish(cluster,topo,back,client,syn,l,family,protocol,manual,port):
    pr=l.probability
    if l.event=="gone":
        return [Path("external",pr,reason=l.reason,hops=l.hops,how=NET_UNREACHABLE[family])]
    if l.event=="lost":
        return [Path("timeout",pr,reason=l.reason,hops=l.hops)]
    if l.event=="blocked":
        if syn.protocol=="udp": return [Path("refused" if l.answer else "timeout",pr,how="eperm",reason=l.reason,hops=l.hops)]
        if not l.answer: return [Path("timeout",pr,reason=l.reason,hops=l.hops)]
    if l.event in("answered","blocked"):
        ans=l.answer
        return home(topo,back,client,syn,l,ans,None,None,l.connection)
    ok,pod=listens(cluster,topo,l,family,protocol,manual)
    p=l.packet
    if ok:
        ans=Packet(p.protocol,p.destination,p.destination_port,p.source,p.source_port,"SYN,ACK" if p.protocol=="tcp" else "")
        kind="connected"
    else:
        kind=None
        if p.protocol=="tcp": ans=Packet("tcp",p.destination,p.destination_port,p.source,p.source_port,"RST,ACK")
        else: ans=Packet("icmp",p.destination,0,p.source,0,icmp=PORT_UNREACHABLE[family],inner=p)
    out=home(topo,back,client,syn,l,ans,pod,p.source,None)
    if protocol=="http" and ok and pod is None:
        a=health_answer(cluster,l.host,p.destination_port,family)
        out=[replace(x,status=a.status,body=a.body) if a and x.outcome=="connected" else x for x in out]
    return out

def home(topo,back,client,syn,l,ans,pod,seen,connection):
    res=[]
    if pod is None and topo.hosts[l.host].kind=="pod": pod=l.host
    for b in back.send(l.host,ans,l.memory,connection):
        pr=l.probability*b.probability; hops=(*l.hops,*b.hops); q=b.packet
        common=dict(probability=pr,pod=pod,answered_by=l.host,source_seen=seen,hops=hops)
        same=lambda x:(x.source,x.source_port,x.destination,x.destination_port)==(syn.source,syn.source_port,syn.destination,syn.destination_port)
        if b.event!="delivered" or b.host!=client:
            res.append(Path("timeout",reason="the answer did not come home: "+(b.reason or f"{b.host} got it"),**common)); continue
        if q.inner is not None:
            if not same(q.inner): res.append(Path("timeout",reason="the error is about no packet of the client",**common)); continue
            refused="port-unreachable" in q.icmp
            res.append(Path("refused" if refused else "unreachable",how=q.icmp,icmp_from=q.source,reason=l.reason,**common)); continue
        inv=Packet(q.protocol,q.destination,q.destination_port,q.source,q.source_port)
        if not same(inv): res.append(Path("timeout",reason=f"the client knows no connection with {endpoint_text(q.source,q.source_port)} and answers RST",**common)); continue
        if "RST" in q.flags: res.append(Path("refused",how="rst",reason=l.reason,**common))
        else: res.append(Path("connected",**common))
    return res
