variable "name" {
  description = "Name of the service, unique in its cluster, for example live-shop-edge."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,31}$", var.name))
    error_message = "name must be 2 to 32 of a-z, 0-9 and '-', and begin with a letter."
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

variable "subnet_ids" {
  description = "Private subnets, one a zone."
  type        = list(string)
}

variable "program" {
  description = "Name of the program in the image: vitrine or vitrine-edge."
  type        = string

  validation {
    condition     = contains(["vitrine", "vitrine-edge"], var.program)
    error_message = "program must be vitrine or vitrine-edge."
  }
}

variable "image" {
  description = "Container image by digest, in a repository of your own: REPOSITORY@sha256:…"
  type        = string

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image must end in @sha256: and 64 hexadecimal digits: a tag can turn into another program in the middle of a show."
  }
}

variable "pull_repository_arns" {
  description = "ECR repositories of the image and of the collector."
  type        = list(string)
}

variable "collector_image" {
  description = "Image of an OpenTelemetry collector with the Prometheus receiver and the EMF exporter (AWS's distribution has both), by digest."
  type        = string

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.collector_image))
    error_message = "collector_image must end in @sha256: and 64 hexadecimal digits."
  }
}

variable "cpu" {
  description = "CPU units of a task; 1024 are one core."
  type        = number

  validation {
    condition     = contains([1024, 2048, 4096, 8192, 16384], var.cpu)
    error_message = "cpu must be 1024, 2048, 4096, 8192 or 16384."
  }
}

variable "memory_mib" {
  description = "Memory of a task in MiB: Fargate takes 2 to 8 GiB a core, in whole GiB up to 4 cores."
  type        = number

  validation {
    condition     = var.memory_mib >= 2048 && var.memory_mib <= 122880 && var.memory_mib % 1024 == 0
    error_message = "memory_mib must be whole GiB, from 2048 to 122880."
  }
}

variable "architecture" {
  description = "Of the images: X86_64 or ARM64."
  type        = string
  default     = "ARM64"

  validation {
    condition     = contains(["X86_64", "ARM64"], var.architecture)
    error_message = "architecture must be X86_64 or ARM64."
  }
}

variable "environment" {
  description = "VITRINE_* variables of the program; they win over its configuration file."
  type        = map(string)
  default     = {}
}

variable "config" {
  description = "The program's configuration file, when nothing in it is secret. Give this or config_secret_arn."
  type        = string
  default     = null
}

variable "config_secret_arn" {
  description = "Secret that holds the program's configuration file."
  type        = string
  default     = null
}

variable "http_port" {
  description = "Port of playback, metrics and health."
  type        = number
}

variable "other_ports" {
  description = "Further ports, by name."
  type        = map(object({ port = number, protocol = string }))
  default     = {}
}

variable "load_balancers" {
  description = "Target groups and the port of the task that each sends to."
  type        = list(object({ target_group_arn = string, port = number }))
  default     = []

  validation {
    condition     = length(var.load_balancers) <= 5
    error_message = "load_balancers: ECS registers a service with at most five target groups."
  }
}

variable "registry_arn" {
  description = "Service discovery entry that lists the tasks' addresses. Null for none."
  type        = string
  default     = null
}

variable "metrics" {
  description = "The program's Prometheus metrics to send to CloudWatch, as regular expressions."
  type        = list(string)
}

variable "tasks" {
  description = "Least and most tasks when no show is scheduled."
  type        = object({ min = number, max = number })

  validation {
    condition     = var.tasks.min >= 0 && var.tasks.max >= 1 && var.tasks.min <= var.tasks.max
    error_message = "tasks.min must be 0 or more, and tasks.max at least that and 1."
  }
}

variable "scales_in" {
  description = "Whether a scaling policy removes tasks when there is less to do. If not, the end of a show removes them."
  type        = bool
}

variable "shows" {
  description = "Known shows: `raise` and `lower` are at(…) or cron(…) expressions in `timezone`, between which at least `min_tasks` run. Raise half an hour early. Shows must not overlap: the end of one lowers both."
  type = map(object({
    raise     = string
    lower     = string
    timezone  = optional(string, "UTC")
    min_tasks = number
  }))
  default = {}

  validation {
    condition     = alltrue([for show in var.shows : can(regex("^(at|cron)\\(.+\\)$", show.raise)) && can(regex("^(at|cron)\\(.+\\)$", show.lower))])
    error_message = "shows: raise and lower must be at(YYYY-MM-DDThh:mm:ss) or cron(…)."
  }

  validation {
    condition     = alltrue([for show in var.shows : show.min_tasks >= 1 && show.min_tasks <= var.tasks.max])
    error_message = "shows: min_tasks must be from 1 to tasks.max."
  }
}

variable "replace_percent" {
  description = "While a new version rolls out: the least share of healthy tasks, and the most tasks, in percent of the wanted number."
  type        = object({ min = number, max = number })
  default     = { min = 100, max = 200 }
}

variable "stop_timeout_seconds" {
  description = "From SIGTERM to SIGKILL. The program ends its sessions and answers who waits within ten seconds."
  type        = number
  default     = 60

  validation {
    condition     = var.stop_timeout_seconds >= 15 && var.stop_timeout_seconds <= 120
    error_message = "stop_timeout_seconds must be from 15 to 120: Fargate allows no more."
  }
}

variable "task_policies" {
  description = "What the program itself may do in AWS: policy documents by a name of your choice."
  type        = map(string)
  default     = {}
}

variable "kms_key_arn" {
  description = "The key that encrypts logs and secrets."
  type        = string
}

variable "log_retention_days" {
  description = "Days that the program's log is kept."
  type        = number
  default     = 365
}
