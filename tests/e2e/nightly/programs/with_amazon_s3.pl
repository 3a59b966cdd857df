# SPDX-License-Identifier: Apache-2.0
# with_amazon_s3: FILES BUCKET URL CA PROXY REGION: writes, reads, lists, deletes with Amazon::S3.
use strict;
use warnings;
use Amazon::S3;

my ($files, $bucket_name, $url, $ca, $proxy, $region) = @ARGV;
my ($scheme, $host) = $url =~ m{^(https?)://(.*)$};
my $s3 = Amazon::S3->new({
    aws_access_key_id => $ENV{AWS_ACCESS_KEY_ID}, aws_secret_access_key => $ENV{AWS_SECRET_ACCESS_KEY},
    host => $host, secure => $scheme eq 'https' ? 1 : 0, dns_bucket_names => 0, region => $region, retry => 0, timeout => 60,
});
my $bucket = $s3->bucket({bucket => $bucket_name, region => $region, verify_region => 0});

sub bytes_of {
    my ($path) = @_;
    open(my $in, '<:raw', $path) or die "$path: $!";
    local $/;
    return scalar <$in>;
}

for my $name ('small', 'medium', 'large') {
    my $data = bytes_of("$files/$name");
    $bucket->add_key("dir/$name", $data, {content_type => 'application/octet-stream'}) or die $s3->errstr;
    my $got = $bucket->get_key("dir/$name") or die $s3->errstr || "no $name";
    die "$name differs" unless $got->{value} eq $data;
}
my $listed = $bucket->list_all or die $s3->errstr;
my @keys = sort map { $_->{key} } @{$listed->{keys}};
die "@keys" unless "@keys" eq 'dir/large dir/medium dir/small';
$bucket->delete_key($_) or die $s3->errstr for @keys;
