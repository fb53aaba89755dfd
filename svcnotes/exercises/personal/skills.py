"""What a student should be able to do after the lessons, by name; coursework says which of these it tests."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SKILLS: Mapping[str, str] = MappingProxyType(
    {
        "follow-a-packet": "Follow a packet to a pod and back, and say each address on the way.",
        "name-the-source": "Say which source address a pod sees, and by which rule.",
        "tell-the-outcome": "Tell connected, refused and timed out apart, and say which it will be.",
        "reckon-shares": "Reckon how large a part of the connections goes where.",
        "read-a-chain": "Read the chains that kube-proxy writes, and say where a packet goes next.",
        "edit-rules": "Take out, put back and add a node's rules, with the wanted effect and no other.",
        "write-a-service": "Write a Service whose ports lead where they should.",
        "mend-a-service": "Find what is wrong with a manifest and mend it.",
        "keep-the-source": "Choose settings that keep the client's address.",
        "guard-the-way-in": "Let in those who may come in, and nobody else.",
        "place-the-pods": "Place pods so that every node that is asked can answer.",
        "publish-an-address": "Give a Service an address that is reached from outside.",
        "name-a-host": "Give something outside the cluster a name, and lead to it.",
        "explain-a-symptom": "Find the one fault that explains all that was seen.",
        "write-a-policy": "Write a NetworkPolicy for what a pod really sees.",
        "weigh-demands": "Meet several demands at once that pull in different directions.",
    }
)
