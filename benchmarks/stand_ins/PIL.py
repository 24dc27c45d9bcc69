"""Stand in for Pillow, where it is missing: no picture is read."""

Image = ImageFile = ImageOps = PngImagePlugin = TiffImagePlugin = None
__version__ = ""
