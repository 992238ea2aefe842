variable "name" {
  description = "Prefix of every name, for example live-shop."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,23}$", var.name))
    error_message = "name must be 2 to 24 of a-z, 0-9 and '-', and begin with a letter."
  }
}

variable "cidr" {
  description = "The VPC's IPv4 range, /16 to /20. Each zone gets two sixteenths of it: one for load balancers, one for tasks."
  type        = string
  default     = "10.40.0.0/16"

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && try(tonumber(split("/", var.cidr)[1]) >= 16 && tonumber(split("/", var.cidr)[1]) <= 20, false)
    error_message = "cidr must be an IPv4 range from /16 to /20, for example 10.40.0.0/16."
  }
}

variable "zones" {
  description = "Names of the availability zones in use. Three survive the loss of one with two thirds of the edges. Add at the end: the place in this list is the place in the range."
  type        = list(string)

  validation {
    condition     = length(var.zones) >= 2 && length(var.zones) <= 8 && length(distinct(var.zones)) == length(var.zones)
    error_message = "zones must be 2 to 8 different ones: load balancers need two."
  }
}

variable "nat_per_zone" {
  description = "One NAT gateway a zone instead of one for all. Tasks reach AWS by endpoints; only alerts and webhooks go through NAT."
  type        = bool
  default     = true
}

variable "log_retention_days" {
  description = "Days that flow logs are kept."
  type        = number
  default     = 365

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653], var.log_retention_days)
    error_message = "log_retention_days must be one of CloudWatch's steps, for example 30, 90 or 365."
  }
}

variable "kms_key_arn" {
  description = "The key that encrypts the flow logs."
  type        = string
}
