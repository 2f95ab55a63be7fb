"""The exported model: packing, safe unpacking, strict loading."""
