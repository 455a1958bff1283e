"""Recurrent networks run frame by frame without rnnedge: PyTorch, TorchScript, a plain ONNX export."""

from rnnedge.baselines._frame_steps import Step, eager, one_torch_thread, plain_export, session_run, torchscript

__all__ = ["Step", "eager", "one_torch_thread", "plain_export", "session_run", "torchscript"]
