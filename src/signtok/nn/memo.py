"""Values worked out of weights, kept while the weights stay as they are."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from torch import Tensor

Value = TypeVar("Value")


class Memo(Generic[Value]):
    """Values by key, of one tensor: all are forgotten when it has been replaced or changed in place.

    A copy starts empty: a copied tensor counts its changes from zero.
    """

    def __init__(self) -> None:
        self._source: Tensor | None = None
        self._version: int | None = None
        self._values: dict[Hashable, Value] = {}

    def get(self, source: Tensor, key: Hashable, make: Callable[[], Value]) -> Value:
        version = None if source.is_inference() else source._version  # an inference tensor does not count
        if source is not self._source or version is None or version != self._version:
            self._source, self._version, self._values = source, version, {}
        if key not in self._values:
            self._values[key] = make()
        return self._values[key]

    def __deepcopy__(self, memo: object) -> "Memo[Value]":
        return Memo()

    def __reduce__(self) -> tuple[type["Memo[Value]"], tuple[()]]:
        return Memo, ()
