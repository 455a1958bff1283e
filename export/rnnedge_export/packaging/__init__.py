"""Files for other engines and places: a proven streaming file as a package of OpenVINO, Triton, ORT, Hugging Face."""

from rnnedge_export.packaging._network import Proof
from rnnedge_export.packaging._package import KINDS, Package, check_free, package, plain_name

__all__ = ["KINDS", "Package", "Proof", "check_free", "package", "plain_name"]
