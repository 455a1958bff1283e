"""Every fault: importing this registers them."""

import capture_faults  # noqa: F401
import codegen_faults  # noqa: F401
import contract_faults  # noqa: F401
import form_faults  # noqa: F401
import precision_faults  # noqa: F401
import runtime_faults  # noqa: F401
import streaming_faults  # noqa: F401
from injection import FAULTS

__all__ = ["FAULTS"]
