# SPDX-License-Identifier: Apache-2.0
"""with_libcloud: FILES BUCKET URL CA PROXY REGION: writes, reads, lists, deletes with Apache Libcloud's S3 driver."""
import os
import sys
import urllib.parse

import libcloud.security
from libcloud.storage.providers import get_driver
from libcloud.storage.types import Provider

files, bucket, url, ca_file, proxy, region = sys.argv[1:]
libcloud.security.CA_CERTS_PATH = ca_file
place = urllib.parse.urlsplit(url)
driver = get_driver(Provider.S3)(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"], region=region,
                                 host=place.hostname, port=place.port or 443, secure=place.scheme == "https",
                                 **({"proxy_url": proxy} if proxy != "-" else {}))
container = driver.get_container(bucket)
for name in ("small", "medium", "large"):
    driver.upload_object("%s/%s" % (files, name), container, "dir/" + name)
with open(files + "/large", "rb") as source:
    driver.upload_object_via_stream(source, container, "dir/stream")
assert sorted(o.name for o in container.list_objects()) == ["dir/large", "dir/medium", "dir/small", "dir/stream"]
for name, source in (("dir/medium", "medium"), ("dir/stream", "large")):
    read = b"".join(driver.get_object(bucket, name).as_stream())
    assert read == open("%s/%s" % (files, source), "rb").read(), name
for found in container.list_objects():
    assert found.delete()
