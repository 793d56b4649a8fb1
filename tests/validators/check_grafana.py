"""Reads a dashboard with Grafana's own models, and prints how many panels it has.

A member that the models drop, a value that their enumerations don't have and a panel of an unknown kind are told of, and
the exit status is 1 then.
"""

import enum
import json
import sys
import typing

from grafana_foundation_sdk.cog import plugins, runtime
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard


def dropped(given, kept, path):
    """Where something is in what was given, and not, or not the same, in what the models keep."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for name, value in given.items():
            if name in kept:
                yield from dropped(value, kept[name], f"{path}/{name}")
            else:
                yield f"{path}/{name} is not known"
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for at, (one, other) in enumerate(zip(given, kept)):
            yield from dropped(one, other, f"{path}/{at}")
    elif given != kept:
        yield f"{path} is read as {kept!r}"


def enumeration(hint):
    """The enumeration that a member is of."""
    for one in (hint, *typing.get_args(hint)):
        if isinstance(one, type) and issubclass(one, enum.Enum):
            return one
    return None


def unlisted(model, path):
    """Where a value is none of those that Grafana lists."""
    if isinstance(model, list):
        for at, one in enumerate(model):
            yield from unlisted(one, f"{path}/{at}")
    if not hasattr(model, "from_json"):
        return
    module = vars(sys.modules[type(model).__module__])
    for name, hint in typing.get_type_hints(type(model), module).items():
        value = getattr(model, name, None)
        values = enumeration(hint)
        if values and value is not None and value not in [one.value for one in values]:
            yield f"{path}/{name} is {value!r}, and none of {[one.value for one in values]}"
        yield from unlisted(value, f"{path}/{name}")


def main():
    plugins.register_default_plugins()
    given = json.load(sys.stdin)
    board = dashboard.Dashboard.from_json(given)
    kept = json.loads(JSONEncoder().encode(board))
    faults = [*dropped(given, kept, ""), *unlisted(board, "")]
    panels = given["panels"]
    for panel in panels:
        if not runtime.panelcfg_config(panel["type"]):
            faults.append(f"there is no panel {panel['type']!r}")
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"{len(panels)} panels")
    return 1 if faults else 0


sys.exit(main())
