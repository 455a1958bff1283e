"""The doors of `rnnedge` itself: networks, training, tuning, data, explanations; and the runtime's own measuring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import quickly
import torch
from door import Door

from rnnedge.data import DataConfig, DataSchema, SplitConfig, read_data
from rnnedge.explain import explain_file, explain_module, open_tapped, write_arrays, write_page, write_pictures
from rnnedge.nn import Attention, Conv1d, Conv2d, NetworkConfig, RecurrentNetwork
from rnnedge.recipes import find_recipe, finetune_run, read_recipe, train_recipe
from rnnedge.remote import run_remote
from rnnedge.sources import ModelSource
from rnnedge.training import (
    RunInfo,
    SequenceData,
    TrainerConfig,
    evaluate,
    fake_quantized,
    finetune,
    fit,
    load_checkpoint,
    pruned,
    save_checkpoint,
)
from rnnedge.tuning import choose, front, tune
from rnnedge.tuning._candidates import Candidate
from rnnedge.tuning._pareto import Trial
from rnnedge_export.sources import of_module
from rnnedge_runtime import load
from rnnedge_runtime.measure import (
    Latency,
    cold_start,
    measure_latency,
    measure_paced,
    pace,
    percentile,
    sample_calls,
    side_by_side,
)
from rnnedge_runtime.signing import new_key, public_path, sign, signature_path

MODULES = ("rnnedge.training", "rnnedge.tuning", "rnnedge.data", "rnnedge.explain", "rnnedge.remote", "rnnedge.nn")
MEASURING = "rnnedge_runtime.measure"
# Made by the library and handed out.
RECORDS = """
    Attribution Baseline Choice ColdStart ColumnSchema DataSchema Epoch Evaluation Explanation Findings Latency Layer
    OwnData Paced PartSchema Recording Target TrainResult Tuned
""".split()
# Modules of torch: what they take are tensors, and what they answer is torch's.
TORCH = """
    CausalConv1d CausalConv2d LRU MinGRU MinLSTM RecurrentNetwork SigmoidRNN
    VariantLSTM WindowAttention linear_recurrence time_loop
""".split()


def workshop_doors(folder: Path) -> dict[str, Door]:
    """By name; each writes below `folder`."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    config = NetworkConfig("gru", 2, 4, 3, output="last")
    network = RecurrentNetwork(config)
    frames = tuple(rng.standard_normal((6, 2)).astype(np.float32) for _ in range(4))
    data = SequenceData(frames, (0, 1, 2, 0), ("a", "b", "c"))
    trainer = TrainerConfig(epochs=1, batch_size=4)
    info = RunInfo("adding", ("a", "b", "c"), None, {"loss": 0.5})
    save_checkpoint(folder / "run", network, info)
    module, example = torch.nn.GRU(2, 4, batch_first=True), torch.randn(1, 9, 2)
    source = ModelSource(module, example)
    quickly.export(module, example, folder / "taps.onnx", taps=("state",))
    tapped = load(folder / "taps.onnx")
    found = explain_file(tapped, frames[0])
    (folder / "recipe.toml").write_text('task = "adding"\n[training]\nepochs = 1\n')
    (folder / "table.csv").write_text("x,y,s\n" + "".join(f"{k % 5},{k % 2},{k // 9}\n" for k in range(90)))
    table = DataConfig(str(folder / "table.csv"), "class_per_sequence", target=("y",), sequence="s")
    (folder / "table.csv").write_text("x,y,s\n" + "".join(f"{k % 5},{k // 9 % 2},{k // 9}\n" for k in range(90)))
    schema = read_data(table).schema
    new_key(folder / "key.pem")
    trial = Trial(Candidate("native", "float32"), (1.0, 1.1), 1.0, 2.0, 3.0, 100, 0.0)

    paced = measure_paced(tapped, seconds=0.01, pushes=2, rate_hz=1000.0, warmup=0)

    def modes() -> object:
        return [m.training for m in (*network.modules(), *module.modules())]

    def tidy(_: object) -> None:
        for path in folder.rglob("out*"):
            if path.is_file():
                path.unlink()

    def door(call: Callable[..., Any], after: Callable[[Any], None] = tidy, **good: Any) -> Door:
        return Door(call, good, modes, after)

    def tuned(output: Any, **options: Any) -> object:
        with quickly.CAPTURES, of_module(module, example, say=lambda _: None) as session:
            return tune(session, output, **options)

    adding = find_recipe("adding")
    recipe = replace(adding, training=replace(adding.training, epochs=1), options={"frames": 8})
    train_recipe(recipe, folder / "learned")
    return {
        "RunInfo.__init__": door(RunInfo),
        "TrainerConfig.__init__": door(TrainerConfig),
        "NetworkConfig.__init__": door(NetworkConfig, cell="gru", input_size=2, hidden_size=3, output_size=1),
        "Attention.__init__": door(Attention),
        "Conv1d.__init__": door(Conv1d),
        "Conv2d.__init__": door(Conv2d),
        "SequenceData.__init__": door(SequenceData, frames=frames, targets=(0, 1, 2, 0)),
        "SequenceData.part": door(data.part, indices=[0, 1]),
        "SplitConfig.__init__": door(SplitConfig),
        "DataConfig.__init__": door(DataConfig, path="a.csv", task="class_per_sequence", target=("y",)),
        "DataSchema.from_dict": door(DataSchema.from_dict, fields=schema.to_dict()),
        "DataSchema.named": door(schema.named, role="feature"),
        "read_data": door(read_data, config=table),
        "fit": door(fit, network=network, train=data, validation=data, config=trainer),
        "evaluate": door(evaluate, network=network, data=data, config=trainer),
        "finetune": door(finetune, network=network, train=data, validation=data, config=trainer, precision="int8"),
        "fake_quantized": door(fake_quantized, module=network, precision="int8"),
        "pruned": door(pruned, module=torch.nn.Linear(64, 64), share=0.5),
        "save_checkpoint": door(save_checkpoint, folder=folder / "run", network=network, info=info),
        "load_checkpoint": door(load_checkpoint, folder=folder / "run"),
        "choose": door(choose, trials=[trial]),
        "front": door(front, trials=[trial]),
        "tune": door(tuned, output=folder / "out.onnx", budget_s=0.0, precisions=("float32",)),
        "explain_file": door(explain_file, model=tapped, frames=frames[0]),
        "explain_module": door(explain_module, source=source, frames=frames[0]),
        "open_tapped": door(open_tapped, path=folder / "taps.onnx"),
        "write_arrays": door(write_arrays, found=found, path=folder / "out.npz"),
        "write_page": door(write_page, found=found, path=folder / "out.html"),
        "write_pictures": door(write_pictures, found=found, folder=folder / "pictures"),
        "find_recipe": door(find_recipe, text="adding"),
        "read_recipe": door(read_recipe, path=folder / "recipe.toml"),
        "measure_latency": door(measure_latency, model=tapped, pushes=3, warmup=0),
        "measure_paced": door(measure_paced, model=tapped, seconds=0.01, pushes=2, rate_hz=1000.0, warmup=0),
        "pace": door(pace, push=lambda k: None, period_ns=1000, pushes=2),
        "side_by_side": door(side_by_side, contenders={"a": lambda: None}, rounds=1, calls=1, warmup=0),
        "sample_calls": door(sample_calls, model=tapped),
        "percentile": door(percentile, values=np.arange(5.0), percent=50.0),
        "Paced.percentile_us": door(paced.percentile_us, percent=50.0),
        "Latency.percentile_us": door(Latency(np.arange(5.0), 1, None).percentile_us, percent=50.0),
        "cold_start": door(cold_start, path=folder / "taps.onnx", trust="local"),
        # Nobody listens there.
        "run_remote": door(run_remote, target="ssh://nobody@127.0.0.1:1", file=folder / "taps.onnx", arguments=[]),
        "train_recipe": door(train_recipe, recipe=recipe, folder=folder / "again"),
        "finetune_run": door(
            finetune_run, recipe=recipe, source=folder / "learned", folder=folder / "int8", precision="int8"
        ),
        "new_key": door(new_key, path=folder / "out.pem"),
        "sign": door(sign, file=folder / "taps.onnx", key=folder / "key.pem"),
        "signature_path": door(signature_path, file="a"),
        "public_path": door(public_path, key="a.pem"),
    }
