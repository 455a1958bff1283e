"""The messages of KServe v2 over gRPC, as the protocol publishes them; made when they are asked for, without protoc."""

from __future__ import annotations

from functools import cache
from typing import Any

from rnnedge_runtime.errors import MissingExtra

SERVICE = "inference.GRPCInferenceService"
# A line for each message: its fields by name, number and type; "*" stands for repeated, "map" for named parameters,
# "|" for one of several.
_MESSAGES = """
ServerLiveRequest
ServerLiveResponse live=1:bool
ServerReadyRequest
ServerReadyResponse ready=1:bool
ModelReadyRequest name=1:string version=2:string
ModelReadyResponse ready=1:bool
ServerMetadataRequest
ServerMetadataResponse name=1:string version=2:string extensions=3:string*
ModelMetadataRequest name=1:string version=2:string
TensorMetadata name=1:string datatype=2:string shape=3:int64*
ModelMetadataResponse name=1:string versions=2:string* platform=3:string \
inputs=4:TensorMetadata* outputs=5:TensorMetadata*
InferParameter bool_param=1:bool| int64_param=2:int64| string_param=3:string| double_param=4:double| \
uint64_param=5:uint64|
InferTensorContents bool_contents=1:bool* int_contents=2:int32* int64_contents=3:int64* uint_contents=4:uint32* \
uint64_contents=5:uint64* fp32_contents=6:float* fp64_contents=7:double* bytes_contents=8:bytes*
InferInputTensor name=1:string datatype=2:string shape=3:int64* parameters=4:map contents=5:InferTensorContents
InferRequestedOutputTensor name=1:string parameters=2:map
InferOutputTensor name=1:string datatype=2:string shape=3:int64* parameters=4:map contents=5:InferTensorContents
ModelInferRequest model_name=1:string model_version=2:string id=3:string parameters=4:map inputs=5:InferInputTensor* \
outputs=6:InferRequestedOutputTensor* raw_input_contents=7:bytes*
ModelInferResponse model_name=1:string model_version=2:string id=3:string parameters=4:map \
outputs=5:InferOutputTensor* raw_output_contents=6:bytes*
ModelStreamInferResponse error_message=1:string infer_response=2:ModelInferResponse
"""


@cache
def messages() -> dict[str, Any]:
    """The class of each message. Raises `MissingExtra` without protobuf."""
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    except ImportError as error:
        raise MissingExtra("serve over gRPC needs protobuf; pip install 'rnnedge[grpc]'") from error
    file = descriptor_pb2.FileDescriptorProto(name="rnnedge/kserve.proto", package="inference", syntax="proto3")
    for line in _MESSAGES.strip().splitlines():
        name, *fields = line.split()
        _describe(file.message_type.add(name=name), fields)
    # One of its own: a client in the same process may have the same names in the default one.
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    names = [message.name for message in file.message_type]
    found = {name: pool.FindMessageTypeByName(f"inference.{name}") for name in names}
    return {name: message_factory.GetMessageClass(one) for name, one in found.items()}


def _describe(message: Any, fields: list[str]) -> None:
    for text in fields:
        name, _, rest = text.partition("=")
        number, _, kind = rest.partition(":")
        field = message.field.add(name=name, number=int(number), label=3 if kind.endswith("*") else 1)
        if kind.endswith("|"):
            if not message.oneof_decl:
                message.oneof_decl.add(name="parameter_choice")
            field.oneof_index = 0
        kind = kind.rstrip("*|")
        if kind == "map":
            entry = message.nested_type.add(name="ParametersEntry")
            entry.options.map_entry = True
            _describe(entry, ["key=1:string", "value=2:InferParameter"])
            field.label, kind = 3, f"{message.name}.ParametersEntry"
        if kind[0].isupper():
            field.type, field.type_name = 11, f".inference.{kind}"
        else:
            field.type = field.Type.Value(f"TYPE_{kind.upper()}")
