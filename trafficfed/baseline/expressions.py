"""Compiles and evaluates expressions with Google's own CEL: checked types, positions of mistakes, and at most 10,000
turns of all loops together in one evaluation.

Not to be used but in a process of its own: what an expression takes beyond that is limited by what a process may take.
"""

import functools
import re
from typing import Any

import msgspec
from cel_expr_python import cel
from cel_expr_python.ext import ext_encoders, ext_math, ext_optional, ext_strings

from trafficfed.baseline.judging import Compiled, Fault, Item, Judged, Program, Verdict
from trafficfed.baseline.kubernetes_functions import extension
from trafficfed.baseline.loops import too_deep
from trafficfed.baseline.problem import INVALID, TOO_COSTLY, Problem

VARIABLES = ("object", "oldObject", "namespaceObject", "variables")
"""What expressions may name, as in a ValidatingAdmissionPolicy; without ``request``, ``params`` and ``authorizer``, as
there is no request when what stands is judged."""

POSITION = re.compile(r"<input>:(\d+):(\d+): ([^\n]*)")
COSTLY = ("budget exceeded", "limit exceeded")
"""In the library's words: too many turns of loops, too deeply nested."""

NAMES_A_STATUS = re.compile(r"^[A-Z_]+: ")


@functools.lru_cache(maxsize=1)
def environment() -> "cel.Env":
    """Made once: it takes milliseconds."""
    extensions = [
        ext_strings.ExtStrings(),
        ext_optional.ExtOptional(),
        ext_math.ExtMath(),
        ext_encoders.ExtEncoders(),
        extension(),
    ]
    return cel.NewEnv(variables=dict.fromkeys(VARIABLES, cel.Type.DYN), extensions=extensions)


@functools.lru_cache(maxsize=1000)
def _compiled(text: str) -> "cel.Expression | Problem":
    if (deep := too_deep(text)) is not None:
        return deep
    try:
        return environment().compile(text)
    except (RuntimeError, MemoryError) as error:
        return _problem(str(error))


def _problem(said: str) -> Problem:
    if (found := POSITION.search(said)) is None:
        reason = TOO_COSTLY if any(each in said for each in COSTLY) else INVALID
        return Problem(message=_plain(said), reason=reason)
    message = found[3].replace(" (in container '')", "")
    return Problem(line=int(found[1]), column=int(found[2]), message=message, reason=INVALID)


def _plain(said: str) -> str:
    """Without the status's name before and after."""
    return re.sub(r" \[[A-Z_]+\]$", "", NAMES_A_STATUS.sub("", said)).strip()


def compile(program: Program) -> Compiled:
    """What is wrong with it; each expression for itself."""
    faults = []
    parts = [(f"variables[{at}].expression", text, "") for at, (_, text) in enumerate(program.variables)]
    parts.append(("expression", program.expression, "BOOL"))
    if program.message_expression:
        parts.append(("messageExpression", program.message_expression, "STRING"))
    for where, text, kind in parts:
        found = _compiled(text)
        if isinstance(found, Problem):
            faults.append(Fault(where=where, problem=found))
        elif kind and (gives := found.return_type().name()) not in (kind, "DYN"):
            said = f"gives {gives.lower()}, must give {kind.lower()}"
            faults.append(Fault(where=where, problem=Problem(message=said, reason=INVALID)))
    if not faults and any(each.costly for each in judge(program, b"{}", (Item(object=b"{}"),)).verdicts):
        said = "costs too much whatever object it is asked of"
        faults.append(Fault(where="expression", problem=Problem(message=said, reason=TOO_COSTLY)))
    return Compiled(tuple(faults))


def judge(program: Program, cluster: bytes, items: tuple[Item, ...]) -> Judged:
    """Of each item, whether it holds. What cannot be evaluated does not hold, as for an API server."""
    facts = msgspec.json.decode(cluster)
    return Judged(tuple(_verdict(program, facts, each) for each in items))


def _verdict(program: Program, facts: Any, item: Item) -> Verdict:
    seen = msgspec.json.decode(item.object) if item.object else facts
    namespace = msgspec.json.decode(item.namespace) if item.namespace else None
    data = {"object": seen, "oldObject": None, "namespaceObject": namespace, "variables": {"cluster": facts}}
    try:
        for name, text in program.variables:
            value = _value(text, data)
            if value.type() != cel.Type.ERROR:  # as lazily as an API server: an error counts where it is used
                data["variables"][name] = value.plain_value()
        found = _value(program.expression, data)
        if found.type() == cel.Type.ERROR:
            return Verdict(holds=False, message=f"cannot be evaluated: {_plain(str(found.plain_value()))}")
        value = found.plain_value()
        if not isinstance(value, bool):
            return Verdict(
                holds=False, message=f"cannot be evaluated: gives {value!r:.80}, which is neither true nor false"
            )
        return Verdict(holds=value) if value else Verdict(holds=False, message=_message(program, data))
    except (RuntimeError, MemoryError) as error:
        said = _plain(str(error)) or "not enough memory"
        costly = isinstance(error, MemoryError) or any(each in said for each in COSTLY)
        return Verdict(holds=False, message=f"cannot be evaluated: {said}", costly=costly)


def _message(program: Program, data: dict[str, Any]) -> str:
    """Empty where it fails to say anything: the rule's own message stands then."""
    if not program.message_expression:
        return ""
    said = _value(program.message_expression, data)
    return str(said.plain_value()) if said.type() == cel.Type.STRING else ""


def _value(text: str, data: dict[str, Any]) -> Any:
    found = _compiled(text)
    if isinstance(found, Problem):
        raise RuntimeError(str(found))
    return found.eval(data=data)
