# SPDX-License-Identifier: Apache-2.0
# What s3onramp needs on AWS's side, as ../cloudformation/endpoint.yaml makes it: an S3 interface endpoint with its security group
# and policy, and an identity for the proxy without any long-lived key: a role that a certificate of your own authority may assume
# (IAM Roles Anywhere). README.md beside it says how to use it.
terraform {
  required_version = ">= 1.3"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0"
    }
  }
}

data "aws_partition" "current" {}
data "aws_region" "current" {}

# Who reaches the endpoint's addresses at all: HTTPS from on-premises, nothing else. The endpoint never opens a connection itself:
# without an egress rule Terraform takes away the one that AWS makes.
resource "aws_security_group" "endpoints" {
  name        = "${var.name}-endpoints"
  description = "HTTPS from on-premises to interface endpoints"
  vpc_id      = var.vpc_id

  ingress {
    protocol    = "tcp"
    from_port   = 443
    to_port     = 443
    cidr_blocks = [var.on_premises_cidr]
    description = "the proxy"
  }
}

# Private DNS stays off: the proxy uses the endpoint's own name, and what else is in the VPC goes on as before.
resource "aws_vpc_endpoint" "s3" {
  vpc_id              = var.vpc_id
  service_name        = "com.amazonaws.${data.aws_region.current.region}.s3"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = var.subnet_ids
  security_group_ids  = [aws_security_group.endpoints.id]
  private_dns_enabled = false
  policy              = data.aws_iam_policy_document.endpoint.json
}

resource "aws_vpc_endpoint" "roles_anywhere" {
  count               = var.private_roles_anywhere ? 1 : 0
  vpc_id              = var.vpc_id
  service_name        = "com.amazonaws.${data.aws_region.current.region}.rolesanywhere"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = var.subnet_ids
  security_group_ids  = [aws_security_group.endpoints.id]
  private_dns_enabled = false
}

resource "aws_vpc_endpoint" "sts" {
  count               = var.private_sts ? 1 : 0
  vpc_id              = var.vpc_id
  service_name        = "com.amazonaws.${data.aws_region.current.region}.sts"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = var.subnet_ids
  security_group_ids  = [aws_security_group.endpoints.id]
  private_dns_enabled = false
}

# The third lock, beside IAM and bucket policies: only this role, only these buckets, even for who has other keys.
data "aws_iam_policy_document" "endpoint" {
  statement {
    sid     = "TheProxyOnly"
    effect  = "Allow"
    actions = ["s3:*"]
    resources = [
      "arn:${data.aws_partition.current.partition}:s3:::${var.buckets}",
      "arn:${data.aws_partition.current.partition}:s3:::${var.buckets}/*",
    ]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = [aws_iam_role.proxy.arn]
    }
  }
  statement {
    sid       = "ListOfBuckets"
    effect    = "Allow"
    actions   = ["s3:ListAllMyBuckets"]
    resources = ["*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = [aws_iam_role.proxy.arn]
    }
  }
}

resource "aws_rolesanywhere_trust_anchor" "ca" {
  name    = "${var.name}-ca"
  enabled = true
  source {
    source_type = "CERTIFICATE_BUNDLE"
    source_data {
      x509_certificate_data = var.ca_certificate
    }
  }
}

# Trusts certificates of this authority with the proxy's name, and nobody else.
data "aws_iam_policy_document" "trust" {
  statement {
    effect  = "Allow"
    actions = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
    principals {
      type        = "Service"
      identifiers = ["rolesanywhere.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_rolesanywhere_trust_anchor.ca.arn]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:PrincipalTag/x509Subject/CN"
      values   = [var.proxy_name]
    }
  }
}

resource "aws_iam_role" "proxy" {
  name_prefix          = "${var.name}-"
  description          = "What s3onramp may do"
  max_session_duration = 3600
  assume_role_policy   = data.aws_iam_policy_document.trust.json
}

# Of its own, because it names the endpoint, whose policy names the role. The session's keys are worth nothing on another way to S3.
resource "aws_iam_role_policy" "buckets" {
  name   = "s3-through-the-endpoint"
  role   = aws_iam_role.proxy.id
  policy = data.aws_iam_policy_document.buckets.json
}

data "aws_iam_policy_document" "buckets" {
  statement {
    sid    = "Objects"
    effect = "Allow"
    actions = [
      "s3:GetObject",
      "s3:GetObjectVersion",
      "s3:GetObjectTagging",
      "s3:PutObject",
      "s3:PutObjectTagging",
      "s3:DeleteObject",
      "s3:AbortMultipartUpload",
      "s3:ListMultipartUploadParts",
    ]
    resources = ["arn:${data.aws_partition.current.partition}:s3:::${var.buckets}/*"]
    condition {
      test     = "StringEquals"
      variable = "aws:SourceVpce"
      values   = [aws_vpc_endpoint.s3.id]
    }
  }
  statement {
    sid       = "Buckets"
    effect    = "Allow"
    actions   = ["s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads", "s3:GetBucketLocation"]
    resources = ["arn:${data.aws_partition.current.partition}:s3:::${var.buckets}"]
    condition {
      test     = "StringEquals"
      variable = "aws:SourceVpce"
      values   = [aws_vpc_endpoint.s3.id]
    }
  }
  statement {
    sid       = "ListOfBuckets"
    effect    = "Allow"
    actions   = ["s3:ListAllMyBuckets"]
    resources = ["*"]
    condition {
      test     = "StringEquals"
      variable = "aws:SourceVpce"
      values   = [aws_vpc_endpoint.s3.id]
    }
  }
}

resource "aws_rolesanywhere_profile" "proxy" {
  name             = "${var.name}-proxy"
  enabled          = true
  duration_seconds = 3600
  role_arns        = [aws_iam_role.proxy.arn]
}
