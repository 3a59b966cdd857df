# SPDX-License-Identifier: Apache-2.0
# with_ruby FOLDER BUCKET KEY ENDPOINT: exercises S3 with the AWS SDK for Ruby and fails at the first difference.
#
# FOLDER holds the files small, medium, large; KEY is an odd one. ENDPOINT is a URL, or "-" for S3's own names by way of
# HTTPS_PROXY, which this SDK has to be told. Leaves behind: small, KEY, copied, posted (medium), large, presigned (small).
require 'aws-sdk-s3'
require 'net/http'
require 'uri'

folder, bucket_name, odd, endpoint = ARGV
options = { retry_limit: 0, ssl_ca_bundle: ENV.fetch('AWS_CA_BUNDLE') }
if endpoint == '-'
  options[:http_proxy] = ENV.fetch('HTTPS_PROXY')
else
  options.update(endpoint: endpoint, force_path_style: true)
end
s3 = Aws::S3::Client.new(**options)
bucket = Aws::S3::Bucket.new(bucket_name, client: s3)
content = ->(name) { File.binread(File.join(folder, name)) }

def same(what, found, expected)
  abort "Ruby SDK: #{what}: #{found.inspect[0, 200]}, expected #{expected.inspect[0, 200]}" unless found == expected
end

def send_request(url, request)
  uri = URI(url)
  proxy = URI(ENV.fetch('HTTPS_PROXY', ''))
  http = Net::HTTP.new(uri.host, uri.port, proxy.host, proxy.port)
  if uri.scheme == 'https'
    http.use_ssl = true
    http.ca_file = ENV.fetch('AWS_CA_BUNDLE')
  end
  http.request(request)
end

s3.put_object(bucket: bucket_name, key: 'small', body: content['small'])
s3.put_object(bucket: bucket_name, key: odd, body: content['medium'], metadata: { 'odd' => 'a  b;c,d' })
s3.put_object(bucket: bucket_name, key: 'deleted', body: 'deleted')
bucket.object('large').upload_file(File.join(folder, 'large'), multipart_threshold: 5 << 20)
bucket.object('copied').copy_from(bucket: bucket_name, key: odd)

url = bucket.object('presigned').presigned_url(:put, expires_in: 300)
put = Net::HTTP::Put.new(URI(url))
put.body = content['small']
same('presigned PUT', send_request(url, put).code, '200')
url = bucket.object(odd).presigned_url(:get, expires_in: 300)
same('presigned GET', send_request(url, Net::HTTP::Get.new(URI(url))).body.b, content['medium'])

form = bucket.presigned_post(key: 'posted', success_action_status: '201', content_length_range: 1..(1 << 20))
post = Net::HTTP::Post.new(URI(form.url))
post.set_form(form.fields.to_a + [['file', content['medium'], { filename: 'medium' }]], 'multipart/form-data')
answer = send_request(form.url, post)
same('form', [answer.code, answer.body[/<Key>(.*)<\/Key>/, 1]], ['201', 'posted'])

{ 'small' => 'small', odd => 'medium', 'copied' => 'medium', 'large' => 'large', 'presigned' => 'small',
  'posted' => 'medium' }.each do |key, name|
  same(key, s3.get_object(bucket: bucket_name, key: key).body.read.b, content[name])
  puts "read #{key}"
end
s3.delete_object(bucket: bucket_name, key: 'deleted')
same('list', bucket.objects.map(&:key).sort, ['copied', 'large', 'posted', 'presigned', 'small', odd].sort)
puts "AWS SDK for Ruby, S3 #{Aws::S3::GEM_VERSION}: good"
