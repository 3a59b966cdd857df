// SPDX-License-Identifier: Apache-2.0
// WithJets3t: FILES BUCKET URL CA PROXY REGION: writes, reads, lists, deletes with JetS3t, which signs with Version 2.
import java.io.File;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.Arrays;
import org.jets3t.service.Jets3tProperties;
import org.jets3t.service.impl.rest.httpclient.RestS3Service;
import org.jets3t.service.model.S3Bucket;
import org.jets3t.service.model.S3Object;
import org.jets3t.service.security.AWSCredentials;

public class WithJets3t {
    public static void main(String[] words) throws Exception {
        URI url = new URI(words[2]);
        boolean tls = url.getScheme().equals("https");
        Jets3tProperties p = new Jets3tProperties();
        p.setProperty("s3service.s3-endpoint", url.getHost());
        p.setProperty("s3service.s3-endpoint-http-port", "" + (url.getPort() > 0 ? url.getPort() : 80));
        p.setProperty("s3service.s3-endpoint-https-port", "" + (url.getPort() > 0 ? url.getPort() : 443));
        p.setProperty("s3service.https-only", "" + tls);
        p.setProperty("s3service.disable-dns-buckets", "true");
        p.setProperty("httpclient.retry-max", "0");
        if (!words[4].equals("-")) {
            URI proxy = new URI(words[4]);
            p.setProperty("httpclient.proxy-autodetect", "false");
            p.setProperty("httpclient.proxy-host", proxy.getHost());
            p.setProperty("httpclient.proxy-port", "" + proxy.getPort());
        }
        AWSCredentials keys = new AWSCredentials(System.getenv("AWS_ACCESS_KEY_ID"), System.getenv("AWS_SECRET_ACCESS_KEY"));
        RestS3Service s3 = new RestS3Service(keys, "test", null, p);
        S3Bucket bucket = new S3Bucket(words[1]);
        for (String name : new String[] {"small", "medium", "large"}) {
            File file = new File(words[0], name);
            S3Object object = new S3Object(file);
            object.setKey("dir/" + name + " +\u00fc");
            s3.putObject(bucket, object);
            byte[] back = s3.getObject(words[1], object.getKey()).getDataInputStream().readAllBytes();
            if (!Arrays.equals(back, Files.readAllBytes(file.toPath()))) throw new Exception(name + " differs");
        }
        S3Object[] listed = s3.listObjects(words[1]);
        if (listed.length != 3) throw new Exception(listed.length + " listed");
        for (S3Object object : listed) s3.deleteObject(words[1], object.getKey());
        if (s3.listObjects(words[1]).length != 0) throw new Exception("left");
    }
}
