"""Let moto read expressions, and start, without doing the same work again each time.

For each update moto parses the expression two or three times, copies its tree, and walks through
the tree once for each of ten validators, asking each node for its abstract base classes. It splits
each condition into words again. At the start of each test it adds the same 1,300 patterns of
addresses to its stub. Together that is a fifth of the processor time of tests that write.

Here expressions that were read are kept, a tree is copied node by node, and the walk asks each
class once.
tests/test_moto_expressions.py compares answers and errors with moto's own.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

from botocore import useragent
from moto.core import models
from moto.core.models import MockAWS, responses_mock
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.parsing import ast_nodes, expressions, validators
from moto.dynamodb.parsing.validators import ActionCountValidator, OverlappingPathsValidator

# moto's modules of these classes are left out of its types.
DepthFirstTraverser: Any = vars(ast_nodes)["DepthFirstTraverser"]
Node: Any = vars(ast_nodes)["Node"]
UpdateExpressionParser: Any = vars(expressions)["UpdateExpressionParser"]

_KEPT = 2_000
"""Parsed expressions to keep. The product has fewer; a test that generates them starts anew."""

_parsed: dict[str, Any] = {}
_patterns: dict[str, list[Any]] = {}


def install() -> None:
    """Replace these parts of moto in this process. A second call changes nothing."""
    if hasattr(UpdateExpressionParser.make, "__wrapped__"):
        return
    UpdateExpressionParser.make = staticmethod(_once(UpdateExpressionParser.make))
    module: Any = validators
    module.deepcopy = copied
    DepthFirstTraverser.traverse = _walk
    ActionCountValidator.traverse = _at_the_root(ActionCountValidator.verify_action_counts)
    OverlappingPathsValidator.traverse = _at_the_root(
        OverlappingPathsValidator.check_for_overlapping_paths
    )
    conditions: Any = ConditionExpressionParser
    conditions._lex_condition_expression = _lexed_once(conditions._lex_condition_expression)
    MockAWS._enable_patching = _patterns_kept(MockAWS._enable_patching)  # type: ignore[method-assign]
    # botocore names itself anew in each request, from parts that never change.
    useragent.sanitize_user_agent_string_component = cache(
        useragent.sanitize_user_agent_string_component
    )


def _once(make: Callable[[str], Any]) -> Any:
    @wraps(make)
    def parsed(expression: str) -> Any:
        """The tree of an expression. Nobody changes it: the validator copies it first."""
        if (found := _parsed.get(expression)) is None:
            if len(_parsed) >= _KEPT:
                _parsed.clear()
            found = _parsed[expression] = make(expression)
        return found

    return parsed


def _lexed_once(lex: Callable[[Any], deque[Any]]) -> Any:
    found: dict[str | None, tuple[Any, ...]] = {}

    @wraps(lex)
    def lexed(self: ConditionExpressionParser) -> deque[Any]:
        """The words of a condition. Nobody changes a word, but the queue is emptied."""
        condition = self.condition_expression
        if condition not in found:
            if len(found) >= _KEPT:
                found.clear()
            found[condition] = tuple(lex(self))
        return deque(found[condition])

    return lexed


def copied(value: Any, parent: Any = None) -> Any:
    """Copy a tree of nodes. What is no node is copied as usual."""
    if not isinstance(value, Node):
        return value if isinstance(value, str) else copy.deepcopy(value)
    found = object.__new__(type(value))
    found.__dict__.update(value.__dict__)
    found.parent = parent
    if value.children is not None:
        found.children = [copied(child, found) for child in value.children]
    return found


@cache
def _is_node(kind: Any) -> bool:
    return issubclass(kind, Node)


def _walk(self: Any, root: Any) -> Any:
    """Do what `traverse` of moto does, with one look at each class."""
    processors = self._processing_map()
    chosen: dict[type, Any] = {}
    before = self.pre_processing_of_child
    hooked = type(self).pre_processing_of_child is not DepthFirstTraverser.pre_processing_of_child

    def processor(kind: type) -> Any:
        return next((found for key, found in processors.items() if issubclass(kind, key)), None)

    def visit(node: Any, place: int) -> Any:
        kind: Any = type(node)
        if not _is_node(kind):
            return node
        parent = node.parent
        if node.children is not None:
            for number, child in enumerate(node.children):
                if hooked:
                    before(node, number)
                visit(child, number)
        if kind not in chosen:
            chosen[kind] = processor(kind)
        if (process := chosen[kind]) is not None:
            node = process(node)
            node.parent = parent
            if parent:
                parent.children[place] = node
        return node

    return visit(root, -1)


def _at_the_root(check: Callable[[Any, Any], Any]) -> Any:
    """Check the whole expression. moto checks every part of it, and each contains all that follow.

    An error is that of the part in which moto finds it.
    """

    def traverse(self: Any, root: Any) -> Any:
        try:
            return check(self, root)
        except MockValidationException:
            return _walk(self, root)

    return traverse


def _patterns_kept(enable: Callable[..., None]) -> Any:
    @wraps(enable)
    def enabled(self: MockAWS, reset: bool = True) -> None:
        if not _patterns:
            enable(self, reset)
            _patterns.update({method: list(kept) for method, kept in registered().items()})
            return
        models.botocore_stubber.enabled = True
        if reset:
            self.reset()
        responses_mock.start()
        for method, kept in _patterns.items():
            registered()[method].extend(kept)

    def registered() -> Any:
        registry: Any = responses_mock._registry
        return registry._registered

    return enabled
