"""Stand in for Pillow, where it is missing: no picture is read."""

GifImagePlugin = Image = ImageFile = ImageOps = PngImagePlugin = TiffImagePlugin = None
__version__ = ""
