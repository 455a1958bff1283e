"""A traced program as an ONNX graph, by torch.onnx, which builds more for every network than the network needs.

1. Translations of operators are found by name. The signature of one is read from its source, which takes torch.onnx a
   second for all of them, when a network has the operator.
2. torch decomposes by tracing the graph again, which was half of a capture: here it is done where an operator stands
   (`decompositions/`), and checks of sizes, which every stride brings, are left out before.
3. Casts are inserted without computing every shape again (`_type_promotion.py`).
4. Tables of decompositions are built once, and again after an operator was registered.

What comes out is what `torch.onnx.export` gives. torch is pinned to one version, since this leans on its internals.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any

import onnx_ir as ir

# Importing `ops` registers the translations of onnxscript.
from onnxscript.function_libs.torch_lib import ops, registration  # noqa: F401
from onnxscript.version_converter import convert_version
from torch._ops import OpOverload
from torch.export import ExportedProgram
from torch.export.exported_program import _split_decomp_table_to_cia_and_python_decomp
from torch.fx.experimental import _config
from torch.onnx._internal.exporter import _core, _decomp, _flags, _fx_passes
from torch.onnx._internal.exporter._registration import OnnxDecompMeta, ONNXRegistry, _get_overload
from torch.onnx._internal.exporter._torchlib import _torchlib_registry

from rnnedge_export.capture._changed_views import without_written_views
from rnnedge_export.capture._chosen_values import with_chosen_values
from rnnedge_export.capture._constant_weights import with_constant_weights
from rnnedge_export.capture._exact import EXACT, without_angles
from rnnedge_export.capture._filled_in import with_padding
from rnnedge_export.capture._floors import with_floors
from rnnedge_export.capture._indexing import INDEXING
from rnnedge_export.capture._mixed_numbers import with_numbers_of_one_kind
from rnnedge_export.capture._ranked import RANKED
from rnnedge_export.capture._rnn_custom_ops import TRANSLATIONS
from rnnedge_export.capture._slice_assign import SCATTERS
from rnnedge_export.capture._sorted_places import PLACES
from rnnedge_export.capture._squeeze import SQUEEZES
from rnnedge_export.capture._type_promotion import insert_casts
from rnnedge_export.capture._whole_numbers import without_roundings
from rnnedge_export.capture._written_out import WRITTEN_OUT
from rnnedge_export.capture.decompositions import Table, decomposed, registered_operators

# Without types: what installs `patch` is hidden from type checkers.
_symbolic: Any = _config


@_flags.set_onnx_exporting_flag
def to_onnx(program: ExportedProgram, opset: int) -> ir.Model:
    """The graph of `program`, whose module this may change; functions of torch.onnx stand in it as such."""
    registry = _translations(opset)
    # As in torch.onnx: an example of one sequence or frame says nothing of others.
    with _symbolic.patch(backed_size_oblivious=True):
        program = _unchecked(without_angles(without_roundings(program)))
        program = decomposed(program, registry.has, partial(_tables, registry))
        program = with_constant_weights(without_written_views(program), registry.has)
        program = with_numbers_of_one_kind(with_floors(with_chosen_values(with_padding(program))))
        insert_casts(program.graph_module)
        program = _unchecked(program)
    made = _core._exported_program_to_onnx_program(program, registry=registry)
    # Without its optimizer, which drops an epsilon; see graph/simplification.py.
    convert_version(made.model, opset, fallback=True)
    return made.model


@dataclass
class _Unread(OnnxDecompMeta):
    """A translation whose signature is not known before a network has the operator."""

    skip_signature_inference: bool = True

    def read(self) -> None:
        """Case 1."""
        if self.signature is None:
            self.skip_signature_inference = False
            self.__post_init__()


class _Translations(ONNXRegistry):
    def get_decomps(self, target: Any) -> list[OnnxDecompMeta]:
        found: list[OnnxDecompMeta] = super().get_decomps(target)
        for translation in found:
            if isinstance(translation, _Unread):
                translation.read()
        return found

    def has(self, target: Any) -> bool:
        """Whether there is one, which stays unread."""
        return (target._name if isinstance(target, OpOverload) else target) in self.functions


@cache
def _translations(opset: int) -> _Translations:
    """Those of torch.onnx, of onnxscript and of this package, for one opset; as `ONNXRegistry.from_torchlib`."""
    registry = _Translations()
    registry._opset_version = opset
    for translation in _torchlib_registry.get_torchlib_ops():
        registry._register(translation.fx_target, translation)
    for name, functions in registration.default_registry.items():
        target = None if name.startswith("internal::") else _get_overload(name)
        if target is not None:
            for is_complex, written in enumerate((functions.overloads, functions.complex)):
                for function in written:
                    registry._register(target, _Unread(function, target, None, is_complex=bool(is_complex)))
    registry._cleanup_registry_based_on_opset_version()
    for own, function in (TRANSLATIONS | SCATTERS | SQUEEZES | INDEXING | PLACES | RANKED | EXACT).items():
        registry.register_op(own, function)
    return registry


def _unchecked(program: ExportedProgram) -> ExportedProgram:
    """Without checks of sizes, which compute nothing: often the only operators that would have to be decomposed."""
    program._graph_module = _fx_passes.remove_assertion_nodes(program.graph_module)
    return program


def _tables(registry: _Translations) -> tuple[Table, Table]:
    """Case 4."""
    return _decompositions(registry, registered_operators())


@lru_cache(maxsize=4)
def _decompositions(registry: _Translations, registered: object) -> tuple[Table, Table]:
    """Of composite operators, and of others; none has a translation."""
    translated = set(_decomp.get_onnx_implemented_overloads(registry))
    table: Table = _decomp.create_onnx_friendly_decomposition_table(translated)
    composites, others = _split_decomp_table_to_cia_and_python_decomp(table)
    return composites, {**others, **WRITTEN_OUT}
