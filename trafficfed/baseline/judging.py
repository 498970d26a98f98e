"""What is asked of whoever evaluates expressions, and what the answer is; as messages between two processes."""

import msgspec

from trafficfed.baseline.problem import Problem


class Message(msgspec.Struct, frozen=True, tag=True):
    """Base of all messages."""


class Program(Message, frozen=True, kw_only=True):
    """A rule's expressions. ``variables`` are names with what they stand for, each may use those before it."""

    expression: str
    variables: tuple[tuple[str, str], ...] = ()
    message_expression: str = ""

    @property
    def wants_namespace(self) -> bool:
        """Whether any of it looks at the namespace of its object."""
        texts = (self.expression, self.message_expression, *(text for _, text in self.variables))
        return any("namespaceObject" in text for text in texts)


class Fault(Message, frozen=True, kw_only=True):
    """Which of a program's expressions is wrong: ``expression``, ``messageExpression``, ``variables[1].expression``."""

    where: str
    problem: Problem


class Compile(Message, frozen=True):
    """Whether a program can be used: answered by ``Compiled``."""

    program: Program


class Compiled(Message, frozen=True):
    """Nothing where it can be used."""

    faults: tuple[Fault, ...] = ()


class Item(Message, frozen=True):
    """One object, as JSON, and its namespace's where that is asked for; both empty where the cluster is judged."""

    object: bytes = b""
    namespace: bytes = b""


class Judge(Message, frozen=True):
    """Whether a program holds of each item in a cluster (JSON of its facts): answered by ``Judged``."""

    program: Program
    cluster: bytes
    items: tuple[Item, ...]


class Verdict(Message, frozen=True):
    """``message`` is the program's own where it does not hold, or why it could not be told. ``costly``: it was given
    up, which counts as not holding, as it does for an API server."""

    holds: bool
    message: str = ""
    costly: bool = False


class Judged(Message, frozen=True):
    """One for each item, in order."""

    verdicts: tuple[Verdict, ...]


Request = Compile | Judge
Answer = Compiled | Judged
