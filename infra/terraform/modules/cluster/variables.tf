variable "name" {
  description = "Prefix of every name, for example live-shop."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,23}$", var.name))
    error_message = "name must be 2 to 24 of a-z, 0-9 and '-', and begin with a letter."
  }
}

variable "vpc_id" {
  description = "The VPC in which tasks find each other by name."
  type        = string
}

variable "private_domain" {
  description = "Private DNS domain of the tasks: an origin cell is CELL.PRIVATE_DOMAIN."
  type        = string
  default     = "vitrine.internal"

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.private_domain))
    error_message = "private_domain must be a domain of lower-case letters, for example vitrine.internal."
  }
}
