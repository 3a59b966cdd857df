# SPDX-License-Identifier: Apache-2.0

variable "name" {
  type        = string
  default     = "s3onramp"
  description = "What the names of resources begin with."
}

variable "vpc_id" {
  type        = string
  description = "The VPC that your VPN or Direct Connect ends in."
}

variable "subnet_ids" {
  type        = list(string)
  description = "One subnet in each zone that the endpoint shall have an address in; two zones or more."
}

variable "on_premises_cidr" {
  type        = string
  description = "The proxy's network as the VPC sees it, like 10.10.0.0/24."
  validation {
    condition     = can(regex("^[0-9]{1,3}(\\.[0-9]{1,3}){3}/[0-9]{1,2}$", var.on_premises_cidr))
    error_message = "It must match ^[0-9]{1,3}(\\.[0-9]{1,3}){3}/[0-9]{1,2}$."
  }
}

variable "buckets" {
  type        = string
  description = "Buckets that the proxy may use; an asterisk stands for anything, like acme-*."
  validation {
    condition     = can(regex("^[a-z0-9.*-]+$", var.buckets))
    error_message = "It must match ^[a-z0-9.*-]+$."
  }
}

variable "ca_certificate" {
  type        = string
  description = "Certificate (PEM) of the authority that signs the proxy's certificate."
  validation {
    condition     = can(regex("^-----BEGIN CERTIFICATE-----[\\s\\S]+-----END CERTIFICATE-----\\s*$", var.ca_certificate))
    error_message = "It must match ^-----BEGIN CERTIFICATE-----[\\s\\S]+-----END CERTIFICATE-----\\s*$."
  }
}

variable "proxy_name" {
  type        = string
  default     = "s3onramp"
  description = "Common name (CN) in the proxy's certificate; no other may assume the role."
  validation {
    condition     = can(regex("^[A-Za-z0-9._-]{1,64}$", var.proxy_name))
    error_message = "It must match ^[A-Za-z0-9._-]{1,64}$."
  }
}

variable "private_roles_anywhere" {
  type        = bool
  default     = true
  description = "An interface endpoint for Roles Anywhere, too, so that the proxy needs no way to the internet."
}

variable "private_sts" {
  type        = bool
  default     = false
  description = "An interface endpoint for STS, too, for sections with source = assume-role."
}
