variable "name" {
  description = "Prefix of every name, for example live-shop."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,22}$", var.name))
    error_message = "name must be 2 to 23 of a-z, 0-9 and '-', and begin with a letter: load balancers' names end at 32."
  }
}

variable "cluster" {
  description = "The ECS cluster: its ARN and name."
  type        = object({ arn = string, name = string })
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "private_subnet_ids" {
  description = "Subnets of the tasks, one a zone."
  type        = list(string)
}

variable "origins" {
  description = "The origin cells by name: where each is, and which channels it has."
  type        = map(object({ url = string, channels = list(string) }))

  validation {
    condition     = length(var.origins) > 0 && alltrue([for origin in var.origins : can(regex("^https?://[a-z0-9.-]+(:[0-9]+)?$", origin.url))])
    error_message = "origins needs at least one, and each url must be http://HOST:PORT."
  }

  validation {
    condition     = length(distinct(flatten([for origin in var.origins : origin.channels]))) == length(flatten([for origin in var.origins : origin.channels]))
    error_message = "origins: a channel is in one cell only."
  }
}

variable "balancer" {
  description = "The HTTP load balancer: listener, security group, name in metrics, and the header and values that the CDN sends."
  type = object({
    listener_arn      = string
    security_group_id = string
    arn_suffix        = string
    secret_header     = string
    secrets           = list(string)
  })
}

variable "image" {
  description = "The edge's container image by digest."
  type        = string
}

variable "collector_image" {
  description = "The metrics collector's container image by digest."
  type        = string
}

variable "pull_repository_arns" {
  description = "ECR repositories of both images."
  type        = list(string)
}

variable "architecture" {
  description = "Of the images: X86_64 or ARM64."
  type        = string
  default     = "ARM64"
}

variable "cpu" {
  description = "CPU units of a task."
  type        = number
  default     = 4096
}

variable "memory_mib" {
  description = "Memory of a task in MiB; half of it is for cached media."
  type        = number
  default     = 8192
}

variable "tasks" {
  description = "Least and most edges when no show is scheduled. At least one a zone."
  type        = object({ min = number, max = number })
  default     = { min = 3, max = 30 }

  validation {
    condition     = var.tasks.min >= 2
    error_message = "tasks.min must be 2 or more: one edge is one failure away from none."
  }
}

variable "targets" {
  description = "For each edge, on average: viewers' requests that wait, bytes a second sent, and CPU in percent. Whichever is passed first adds edges; all must be well below before one goes."
  type        = object({ waiting_viewers = number, egress_bytes_per_second = number, cpu_percent = number })
  default     = { waiting_viewers = 8000, egress_bytes_per_second = 250000000, cpu_percent = 50 }

  validation {
    condition     = var.targets.waiting_viewers > 0 && var.targets.egress_bytes_per_second > 0 && var.targets.cpu_percent >= 10 && var.targets.cpu_percent <= 80
    error_message = "targets must be above zero, and cpu_percent from 10 to 80."
  }
}

variable "predictive" {
  description = "Forecast from the last two weeks: off, on (scales ahead), or forecast (only shows what it would do). For shows that recur; a first show needs `shows`."
  type        = string
  default     = "forecast"

  validation {
    condition     = contains(["off", "forecast", "on"], var.predictive)
    error_message = "predictive must be off, forecast or on."
  }
}

variable "shows" {
  description = "Known shows, as the service module has them."
  type = map(object({
    raise     = string
    lower     = string
    timezone  = optional(string, "UTC")
    min_tasks = number
  }))
  default = {}
}

variable "kms_key_arn" {
  description = "The key that encrypts the logs."
  type        = string
}
