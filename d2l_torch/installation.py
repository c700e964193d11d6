"""The devices, the precision and the cache of an installation."""

import torch

from . import devices


def installation() -> dict[str, str]:
    """Return texts for the command `d2l info`."""
    found = [torch.cuda.get_device_name(i) for i in range(devices.num_gpus())]
    float64 = "on" if torch.get_default_dtype() == torch.float64 else "off"
    return {
        "devices": ", ".join([*found, f"cpu ({torch.get_num_threads()} threads)"]),
        "precision": f"float64 {float64}, matrix products in {precision()}",
        "cache": "none: nothing is compiled unless Trainer(compile=True)",
    }


def precision() -> str:
    """Return the precision of products of float32 matrices."""
    return {"highest": "float32", "high": "TensorFloat-32 or two bfloat16"}.get(
        torch.get_float32_matmul_precision(), "bfloat16"
    )
