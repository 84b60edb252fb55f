"""TinyLUT: restoration networks that become tables (`model`)."""
