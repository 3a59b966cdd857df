// SPDX-License-Identifier: Apache-2.0

// with_minio_go FOLDER BUCKET KEY ENDPOINT V2|V4 [bare]: exercises S3 with minio-go and fails at the first difference. Over plain
// HTTP it signs each chunk of a body.
//
// FOLDER holds the files small, medium, large; KEY is an odd one. ENDPOINT is a URL, or "-" for S3's own names by way of
// HTTPS_PROXY. Leaves behind: small, KEY, copied, posted (medium), large, presigned (small), empty unless bare.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

var (
	ctx            = context.Background()
	folder, bucket string
	client         *minio.Client
)

func check(what string, err error) {
	if err != nil {
		fmt.Printf("minio-go: %s: %v\n", what, err)
		os.Exit(1)
	}
}

func same(what string, found, expected []byte) {
	if !bytes.Equal(found, expected) {
		fmt.Printf("minio-go: %s: %d bytes differ from the %d expected: %.200q\n", what, len(found), len(expected), found)
		os.Exit(1)
	}
}

func content(name string) []byte {
	if name == "" {
		return []byte{}
	}
	data, err := os.ReadFile(filepath.Join(folder, name))
	check(name, err)
	return data
}

func put(key, name string, options minio.PutObjectOptions) {
	data := content(name)
	_, err := client.PutObject(ctx, bucket, key, bytes.NewReader(data), int64(len(data)), options)
	check("put "+key, err)
}

func get(key, name string) {
	object, err := client.GetObject(ctx, bucket, key, minio.GetObjectOptions{})
	check("get "+key, err)
	data, err := io.ReadAll(object)
	check("get "+key, err)
	same(key, data, content(name))
	fmt.Println("read", key)
}

func send(what string, request *http.Request, status int) []byte {
	answer, err := http.DefaultClient.Do(request)
	check(what, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	check(what, err)
	if answer.StatusCode != status {
		check(what, fmt.Errorf("%s: %s", answer.Status, body))
	}
	return body
}

func presigned(odd string) {
	link, err := client.PresignedPutObject(ctx, bucket, "presigned", time.Minute)
	check("presigned PUT", err)
	request, err := http.NewRequest("PUT", link.String(), bytes.NewReader(content("small")))
	check("presigned PUT", err)
	send("presigned PUT", request, 200)
	link, err = client.PresignedGetObject(ctx, bucket, odd, time.Minute, nil)
	check("presigned GET", err)
	request, err = http.NewRequest("GET", link.String(), nil)
	check("presigned GET", err)
	same("presigned GET", send("presigned GET", request, 200), content("medium"))
}

func posted() {
	policy := minio.NewPostPolicy()
	check("policy", policy.SetBucket(bucket))
	check("policy", policy.SetKey("posted"))
	check("policy", policy.SetExpires(time.Now().UTC().Add(time.Minute)))
	check("policy", policy.SetContentLengthRange(1, 1<<20))
	link, fields, err := client.PresignedPostPolicy(ctx, policy)
	check("policy", err)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, value := range fields {
		check("form", form.WriteField(name, value))
	}
	file, err := form.CreateFormFile("file", "medium")
	check("form", err)
	_, err = file.Write(content("medium"))
	check("form", err)
	check("form", form.Close())
	request, err := http.NewRequest("POST", link.String(), &body)
	check("form", err)
	request.Header.Set("Content-Type", form.FormDataContentType())
	send("form", request, 204)
}

func connect(endpoint, version string) {
	options := minio.Options{Secure: true, Region: os.Getenv("AWS_REGION")}
	host := "s3." + os.Getenv("AWS_REGION") + ".amazonaws.com"
	if endpoint != "-" {
		link, err := url.Parse(endpoint)
		check(endpoint, err)
		host, options.Secure = link.Host, link.Scheme == "https"
	}
	id, secret := os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY")
	if version == "V2" {
		options.Creds = credentials.NewStaticV2(id, secret, "")
	} else {
		options.Creds = credentials.NewStaticV4(id, secret, "")
	}
	var err error
	client, err = minio.New(host, &options)
	check(endpoint, err)
}

func main() {
	odd := os.Args[3]
	folder, bucket = os.Args[1], os.Args[2]
	connect(os.Args[4], os.Args[5])
	bare := len(os.Args) > 6 // a server that takes no empty body in signed chunks
	put("small", "small", minio.PutObjectOptions{})
	put(odd, "medium", minio.PutObjectOptions{UserMetadata: map[string]string{"odd": "a  b;c,d"}})
	put("large", "large", minio.PutObjectOptions{PartSize: 5 << 20})
	put("deleted", "small", minio.PutObjectOptions{})
	_, err := client.CopyObject(ctx, minio.CopyDestOptions{Bucket: bucket, Object: "copied"},
		minio.CopySrcOptions{Bucket: bucket, Object: odd})
	check("copy", err)
	presigned(odd)
	posted()
	expected := map[string]string{"small": "small", odd: "medium", "copied": "medium", "large": "large",
		"presigned": "small", "posted": "medium"}
	if !bare {
		put("empty", "", minio.PutObjectOptions{})
		expected["empty"] = ""
	}
	check("delete", client.RemoveObject(ctx, bucket, "deleted", minio.RemoveObjectOptions{}))
	var listed, keys []string
	for key, name := range expected {
		get(key, name)
		keys = append(keys, key)
	}
	for item := range client.ListObjects(ctx, bucket, minio.ListObjectsOptions{Recursive: true}) {
		check("list", item.Err)
		listed = append(listed, item.Key)
	}
	sort.Strings(keys)
	sort.Strings(listed)
	same("list", []byte(strings.Join(listed, "\n")), []byte(strings.Join(keys, "\n")))
	fmt.Printf("minio-go, signature %s: good\n", os.Args[5])
}
