"""The precision of arithmetic on a GPU."""

import torch


def use_full_precision() -> None:
    """Have float32 be float32 on a GPU, too, for the rest of the process.

    By default, cuDNN's convolutions round to 10 bits (TF32), otherwise in each batch
    size. Two decodings of one file, or a gradient in a batch and alone, are then not
    the same.
    """
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
