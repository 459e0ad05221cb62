"""Write the table of roles and rights for people: docs/roles.md holds it, and a test compares."""

import ast
import inspect
import itertools

from retineye.accounts import policy
from retineye.accounts.models import Role
from retineye.accounts.policy import RIGHTS, Right


def sentences() -> dict[Right, str]:
    """Give what each right is for, as its line in `policy` says."""
    (body,) = [
        node.body
        for node in ast.parse(inspect.getsource(policy)).body
        if isinstance(node, ast.ClassDef) and node.name == Right.__name__
    ]
    found: dict[Right, str] = {}
    for named, said in itertools.pairwise(body):
        if isinstance(named, ast.Assign) and isinstance(said, ast.Expr) and isinstance(named.targets[0], ast.Name):
            found[Right[named.targets[0].id]] = str(ast.literal_eval(said.value))
    return found


def markdown() -> str:
    """Give the table: a row a right, a column a role."""
    roles = list(Role)
    rows = [
        "| may | " + " | ".join(role.value for role in roles) + " |",
        "| --- |" + " :-: |" * len(roles),
    ]
    said = sentences()
    for right in Right:
        marks = ("yes" if right in RIGHTS[role] else "" for role in roles)
        rows.append(f"| {said[right]} | " + " | ".join(marks) + " |")
    return "\n".join(rows) + "\n"
