"""Verifies each line's COSE receipt as RFC 9942 says, with the library cwt and its CBOR."""

import hashlib
import json
import sys

import cbor2
from cwt import COSE, COSEKey


def root_of(entry, proof):
    """Returns the root that an inclusion proof leads to (RFC 9162, section 2.1.3.2)."""
    size, index, path = cbor2.loads(proof)
    assert index < size
    number, last = index, size - 1
    root = hashlib.sha256(b"\x00" + entry).digest()
    for sibling in path:
        assert last > 0
        if number % 2 or number == last:
            root = hashlib.sha256(b"\x01" + sibling + root).digest()
            while number % 2 == 0 and number:
                number, last = number // 2, last // 2
        else:
            root = hashlib.sha256(b"\x01" + root + sibling).digest()
        number, last = number // 2, last // 2
    assert last == 0
    return size, index, root


def verify(receipt, entry, public):
    tagged = cbor2.loads(receipt)
    assert tagged.tag == 18
    protected, unprotected, payload, _ = tagged.value
    protected = cbor2.loads(protected)
    assert payload is None and protected[395] == 1
    (proof,) = unprotected[396][-1]
    size, index, root = root_of(entry, proof)
    claims = protected[15]
    key = COSEKey.new({1: 1, 2: protected[4], 3: -8, 4: [2], -1: 6, -2: public})
    COSE.new().decode(receipt, key, detached_payload=root)
    return {"size": size, "index": index, "root": root.hex(), "issuer": claims[1], "subject": claims[2]}


for line in sys.stdin.read().split("\n")[:-1]:
    case = json.loads(line)
    try:
        found = verify(*(bytes.fromhex(case[name]) for name in ("receipt", "entry", "key")))
    except Exception as error:
        found = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(found))
