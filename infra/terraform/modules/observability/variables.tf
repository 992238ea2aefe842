variable "name" {
  description = "Prefix of every name, for example live-shop."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,23}$", var.name))
    error_message = "name must be 2 to 24 of a-z, 0-9 and '-', and begin with a letter."
  }
}

variable "kms_key_arn" {
  description = "The key that encrypts the alarm topic."
  type        = string
}

variable "alert_emails" {
  description = "Who is told of alarms. Each must confirm once, by a link."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.alert_emails : can(regex("^[^@\\s]+@[^@\\s]+$", address))])
    error_message = "alert_emails must be e-mail addresses."
  }
}

variable "cloudfront_topic_arns" {
  description = "SNS topics in us-east-1 that are told of the CDN's alarms: CloudFront's metrics, and so its alarms, are there."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.cloudfront_topic_arns : can(regex("^arn:[a-z-]+:sns:us-east-1:", arn))])
    error_message = "cloudfront_topic_arns must be topics in us-east-1."
  }
}

variable "cluster_name" {
  description = "Name of the ECS cluster."
  type        = string
}

variable "distribution_id" {
  description = "The CloudFront distribution."
  type        = string
}

variable "web_acl_name" {
  description = "The CDN's web ACL."
  type        = string
}

variable "edge" {
  description = "The edges: service, least and most tasks, load balancer and target group as metrics name them."
  type = object({
    service_name            = string
    tasks                   = object({ min = number, max = number })
    balancer_arn_suffix     = string
    target_group_arn_suffix = string
  })
}

variable "origins" {
  description = "The origin cells by name: service, encoders' load balancer and target group as metrics name them, and whether the cell runs between shows."
  type = map(object({
    service_name            = string
    balancer_arn_suffix     = string
    target_group_arn_suffix = string
    always_on               = bool
  }))
}
