variable "name" {
  description = "Prefix of every name."
  type        = string
  default     = "live-shop"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,14}$", var.name))
    error_message = "name must be 2 to 15 of a-z, 0-9 and '-', and begin with a letter."
  }
}

variable "region" {
  description = "Where origins and edges are: near the studio. The CDN brings the show near the viewers."
  type        = string
  default     = "eu-central-1"
}

variable "zones" {
  description = "Availability zones of that region."
  type        = list(string)
  default     = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
}

variable "shield_region" {
  description = "CloudFront's origin shield: the region above, or the nearest that has one."
  type        = string
  default     = "eu-central-1"
}

variable "zone_name" {
  description = "Public Route 53 zone, for example example.com."
  type        = string
}

variable "host" {
  description = "First label of the viewers' host name: live makes live.example.com."
  type        = string
  default     = "live"

  validation {
    condition     = can(regex("^[a-z0-9-]{1,30}$", var.host))
    error_message = "host must be 1 to 30 of a-z, 0-9 and '-'."
  }
}

variable "cells" {
  description = "The origin cells, and the channels of each."
  type = map(object({
    channels   = list(string)
    cpu        = optional(number, 8192)
    memory_mib = optional(number, 16384)
    always_on  = optional(bool, true)
  }))

  validation {
    condition     = length(var.cells) > 0 && length(var.cells) <= 40
    error_message = "cells must be 1 to 40."
  }
}

variable "images" {
  description = "Container images by digest: the origin, the edge, and the metrics collector; and their ECR repositories."
  type        = object({ origin = string, edge = string, collector = string, repository_arns = list(string) })
}

variable "edges" {
  description = "Least and most edges between shows."
  type        = object({ min = number, max = number })
  default     = { min = 3, max = 30 }
}

variable "shows" {
  description = "Known shows: when capacity is raised and lowered (at(…) or cron(…) in timezone), how many edges there are at least, and whether cells that are off between shows run."
  type = map(object({
    raise     = string
    lower     = string
    timezone  = optional(string, "UTC")
    min_edges = number
  }))
  default = {}
}

variable "cdn_secrets" {
  description = "By which the load balancer knows the CDN: one value of at least 32 characters, or two while it is replaced."
  type        = list(string)
  sensitive   = true
}

variable "allowed_origins" {
  description = "Shop pages that may play."
  type        = list(string)
  default     = ["*"]
}

variable "signing_keys" {
  description = "Public keys for signed cookies, by name. Empty: everybody may watch."
  type        = map(string)
  default     = {}
}

variable "alert_emails" {
  description = "Who is told of alarms."
  type        = list(string)
  default     = []
}

variable "standby" {
  description = "A second region with the same modules: its HTTP load balancer, and its encoders' load balancers by cell. Null for none."
  type = object({
    balancer = object({ dns_name = string, zone_id = string })
    ingests  = map(object({ dns_name = string, zone_id = string }))
  })
  default = null
}

variable "deletion_protection" {
  description = "Refuse to delete load balancers."
  type        = bool
  default     = true
}
