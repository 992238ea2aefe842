variable "name" {
  description = "Prefix of every name, for example live-shop."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,23}$", var.name))
    error_message = "name must be 2 to 24 of a-z, 0-9 and '-', and begin with a letter."
  }
}

variable "kms_key_arn" {
  description = "The key that encrypts the archive."
  type        = string
}

variable "reader_distribution_arns" {
  description = "CloudFront distributions that may read the archive, by origin access control. Nobody else can."
  type        = list(string)
  default     = []
}

variable "days_until_cold" {
  description = "Days after which a replay moves to a storage class that is cheaper to keep and dearer to read."
  type        = number
  default     = 30

  validation {
    condition     = var.days_until_cold >= 30
    error_message = "days_until_cold must be 30 or more: S3 moves nothing to infrequent access earlier."
  }
}

variable "days_until_deleted" {
  description = "Days after which a replay is deleted. Null keeps replays for ever."
  type        = number
  default     = 365

  validation {
    condition     = var.days_until_deleted == null ? true : var.days_until_deleted > var.days_until_cold
    error_message = "days_until_deleted must be greater than days_until_cold, or null."
  }
}

variable "log_retention_days" {
  description = "Days that access logs of buckets, load balancers and the CDN are kept."
  type        = number
  default     = 90

  validation {
    condition     = var.log_retention_days >= 1
    error_message = "log_retention_days must be 1 or more."
  }
}
