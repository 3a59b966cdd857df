# SPDX-License-Identifier: Apache-2.0
"""with_gdal: FOLDER FILE: writes a large file into a /vsis3/ folder in parts, lists, and deletes all that is there."""
import sys

from osgeo import gdal

folder, path = sys.argv[1:]
gdal.UseExceptions()
data = open(path, "rb").read()
gdal.SetConfigOption("VSIS3_CHUNK_SIZE", "5")
file = gdal.VSIFOpenL(folder + "/large", "wb")
assert gdal.VSIFWriteL(data, 1, len(data), file) == len(data)
assert gdal.VSIFCloseL(file) == 0
assert sorted(gdal.ReadDir(folder)) == ["large", "ü +.tif"], gdal.ReadDir(folder)
file = gdal.VSIFOpenL(folder + "/large", "rb")
assert bytes(gdal.VSIFReadL(1, len(data), file)) == data
gdal.VSIFCloseL(file)
for name in gdal.ReadDir(folder):
    assert gdal.Unlink("%s/%s" % (folder, name)) == 0, name
