# SPDX-License-Identifier: Apache-2.0
# with_fog: FILES BUCKET URL CA PROXY REGION: writes, reads, lists, presigns, deletes with fog-aws.
require 'fog/aws'
require 'net/http'
require 'openssl'

files, bucket, url, ca_file, proxy, region = ARGV
Excon.defaults[:ssl_ca_file] = ca_file
options = { aws_access_key_id: ENV['AWS_ACCESS_KEY_ID'], aws_secret_access_key: ENV['AWS_SECRET_ACCESS_KEY'], region: region,
            path_style: true }
options[:endpoint] = url if proxy == '-'
storage = Fog::AWS::Storage.new(options)
directory = storage.directories.new(key: bucket)
{ 'small' => nil, 'medium' => nil, 'large' => 5 << 20 }.each do |name, chunk|
  file = directory.files.new(key: "dir/#{name} +ü", body: File.open("#{files}/#{name}", 'rb'))
  file.multipart_chunk_size = chunk if chunk
  file.save
  raise name unless directory.files.get("dir/#{name} +ü").body == File.binread("#{files}/#{name}")
end
listed = directory.files.all.map(&:key).sort
raise listed.inspect unless listed == ['dir/large +ü', 'dir/medium +ü', 'dir/small +ü']

storage.copy_object(bucket, 'dir/small +ü', bucket, 'copied')
raise 'copied' unless directory.files.get('copied').body == File.binread("#{files}/small")

(listed + ['copied']).each { |key| directory.files.new(key: key).destroy }
raise 'left' unless directory.files.all.reload.empty?
