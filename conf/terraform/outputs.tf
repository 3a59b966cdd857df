# SPDX-License-Identifier: Apache-2.0

output "endpoint_id" {
  description = "For bucket policies (aws:SourceVpce)."
  value       = aws_vpc_endpoint.s3.id
}

output "roles_anywhere_name" {
  description = "Resolve this name and write its addresses into `addresses` of [credentials default]."
  value       = one(aws_vpc_endpoint.roles_anywhere[*].dns_entry[0].dns_name)
}

output "sts_name" {
  description = "The same for sections with source = assume-role."
  value       = one(aws_vpc_endpoint.sts[*].dns_entry[0].dns_name)
}

output "configuration" {
  description = "The beginning of s3onramp.ini."
  value       = <<-END
    [endpoint aws]
    name = ${aws_vpc_endpoint.s3.dns_entry[0].dns_name}

    [credentials default]
    source = roles-anywhere
    trust_anchor_arn = ${aws_rolesanywhere_trust_anchor.ca.arn}
    profile_arn = ${aws_rolesanywhere_profile.proxy.arn}
    role_arn = ${aws_iam_role.proxy.arn}
    certificate = /etc/s3onramp/proxy.pem
    private_key = /etc/s3onramp/proxy.key
  END
}
