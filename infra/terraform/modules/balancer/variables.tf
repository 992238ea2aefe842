variable "name" {
  description = "Prefix of every name, for example live-shop."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,23}$", var.name))
    error_message = "name must be 2 to 24 of a-z, 0-9 and '-', and begin with a letter."
  }
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Public subnets, one a zone."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids must be of at least two zones."
  }
}

variable "certificate_arn" {
  description = "Certificate of the host that the CDN asks, in this region."
  type        = string
}

variable "cdn_secrets" {
  description = "What the CDN sends in X-Vitrine-Cdn. One value, or two while one is being replaced: both are taken, the first is the one to send."
  type        = list(string)
  sensitive   = true

  validation {
    condition     = length(var.cdn_secrets) >= 1 && length(var.cdn_secrets) <= 2 && alltrue([for secret in var.cdn_secrets : length(secret) >= 32])
    error_message = "cdn_secrets must be one or two values of at least 32 characters, for example from `openssl rand -hex 24`."
  }
}

variable "hold_seconds" {
  description = "The longest time that a blocking request is held: three target durations of the slowest channel."
  type        = number
  default     = 6

  validation {
    condition     = var.hold_seconds >= 3 && var.hold_seconds <= 30
    error_message = "hold_seconds must be three target durations, from 3 to 30."
  }
}

variable "logs_bucket" {
  description = "Bucket for access and connection logs."
  type        = string
}

variable "deletion_protection" {
  description = "Refuse to delete the load balancer. Set to false before destroying on purpose."
  type        = bool
  default     = true
}
