#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# with_perl FOLDER BUCKET KEY ENDPOINT V2|V4: exercises S3 with Net::Amazon::S3 and fails at the first difference.
#
# FOLDER holds the files small, medium; KEY is an odd one. ENDPOINT is a URL, or "-" for S3's own names by way of
# https_proxy. Leaves behind: small, KEY (medium), copied (small).
use strict;
use warnings;
use Encode qw(decode_utf8);
use Net::Amazon::S3;
use Net::Amazon::S3::Authorization::Basic;
use Net::Amazon::S3::Vendor::Generic;

my ($folder, $bucket_name, $odd, $endpoint, $version) = @ARGV;
$odd = decode_utf8($odd);
my ($scheme, $host) = $endpoint eq '-' ? ('https', "s3.$ENV{AWS_REGION}.amazonaws.com") : $endpoint =~ m{^(https?)://(.*)$};
my $s3 = Net::Amazon::S3->new(
    authorization_context => Net::Amazon::S3::Authorization::Basic->new(
        aws_access_key_id     => $ENV{AWS_ACCESS_KEY_ID},
        aws_secret_access_key => $ENV{AWS_SECRET_ACCESS_KEY},
    ),
    vendor => Net::Amazon::S3::Vendor::Generic->new(
        host                 => $host,
        use_https            => $scheme eq 'https',
        use_virtual_host     => 0,
        authorization_method => "Net::Amazon::S3::Signature::$version",
        default_region       => $ENV{AWS_REGION},
    ),
);
my $bucket = $s3->bucket($bucket_name);

sub content {
    my ($name) = @_;
    open(my $file, '<:raw', "$folder/$name") or die "$folder/$name: $!";
    local $/;
    return <$file>;
}

sub same {
    my ($what, $found, $expected) = @_;
    die sprintf("Net::Amazon::S3: %s: %s, expected %s\n", $what, substr($found // 'nothing', 0, 200), substr($expected, 0, 200))
        unless defined $found && $found eq $expected;
}

sub done {
    my ($what, $result) = @_;
    die "Net::Amazon::S3: $what: " . ($s3->err // '') . ': ' . ($s3->errstr // '') . "\n" unless $result;
}

done('small', $bucket->add_key_filename('small', "$folder/small"));
done('odd', $bucket->add_key_filename($odd, "$folder/medium", { 'x-amz-meta-odd' => 'a b;c,d' }));
done('deleted', $bucket->add_key('deleted', 'deleted'));
done('copied', $bucket->copy_key('copied', "/$bucket_name/small"));
for (['small', 'small'], [$odd, 'medium'], ['copied', 'small']) {
    my ($key, $name) = @$_;
    my $found = $bucket->get_key($key);
    done($key, $found);
    same($key, $found->{value}, content($name));
}
done('delete', $bucket->delete_key('deleted'));
same('list', join(',', sort map { $_->{key} } @{ $bucket->list_all->{keys} }), join(',', sort('small', $odd, 'copied')));
print "Net::Amazon::S3 $Net::Amazon::S3::VERSION, signature $version: good\n";
