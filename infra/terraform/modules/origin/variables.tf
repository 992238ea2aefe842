variable "name" {
  description = "Prefix of every name, for example live-shop."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,14}$", var.name))
    error_message = "name must be 2 to 15 of a-z, 0-9 and '-', and begin with a letter: load balancers' names end at 32."
  }
}

variable "cell" {
  description = "Name of this origin cell, unique among cells: a, b, …"
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]{1,4}$", var.cell))
    error_message = "cell must be 1 to 4 of a-z and 0-9."
  }
}

variable "channels" {
  description = "The channels of this cell. A channel is in one cell only; its stream keys and tokens are in the cell's secret."
  type        = list(string)

  validation {
    condition     = length(var.channels) > 0 && length(var.channels) <= 40 && alltrue([for channel in var.channels : can(regex("^[a-z0-9-]{1,40}$", channel))])
    error_message = "channels must be 1 to 40 names, each of 1 to 40 of a-z, 0-9 and '-'."
  }
}

variable "cluster" {
  description = "The ECS cluster: its ARN and name."
  type        = object({ arn = string, name = string })
}

variable "namespace" {
  description = "The private DNS namespace: its id and domain."
  type        = object({ id = string, domain = string })
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "private_subnet_ids" {
  description = "Subnets of the tasks, one a zone."
  type        = list(string)
}

variable "public_subnet_ids" {
  description = "Subnets of the encoders' load balancer, one a zone."
  type        = list(string)
}

variable "reader_security_group_ids" {
  description = "Who reads this origin by HTTP, by a name of your choice: { edge = …, balancer = … }."
  type        = map(string)
}

variable "control" {
  description = "Where the control API is reached: the HTTP load balancer's listener, the header and values that the CDN sends, and the priority of this cell's first rule. A channel takes one rule."
  type = object({
    listener_arn   = string
    secret_header  = string
    secrets        = list(string)
    first_priority = number
  })

  validation {
    condition     = var.control.first_priority >= 1 && var.control.first_priority <= 40000
    error_message = "control.first_priority must be from 1 to 40000."
  }
}

variable "certificate_arn" {
  description = "Certificate of the encoders' host name, in this region."
  type        = string
}

variable "encoder_cidrs" {
  description = "IPv4 ranges from which encoders may publish. Studios with fixed addresses should be named; the stream key protects the rest."
  type        = list(string)
  default     = ["0.0.0.0/0"]

  validation {
    condition     = length(var.encoder_cidrs) > 0 && alltrue([for cidr in var.encoder_cidrs : can(cidrhost(cidr, 0))])
    error_message = "encoder_cidrs must be IPv4 ranges, for example 203.0.113.0/24."
  }
}

variable "plain_rtmp" {
  description = "Also take RTMP without TLS on port 1935. The stream key then crosses the network readably: only for encoders that know no RTMPS, from named ranges."
  type        = bool
  default     = false

  validation {
    condition     = !var.plain_rtmp || !contains(var.encoder_cidrs, "0.0.0.0/0")
    error_message = "plain_rtmp needs encoder_cidrs other than 0.0.0.0/0."
  }
}

variable "srt" {
  description = "Take SRT on port 9000/udp; the origin's configuration must listen there."
  type        = bool
  default     = false
}

variable "image" {
  description = "The origin's container image by digest."
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
  description = "CPU units of a task. A passed-through channel needs little; a 1080p30 ladder needs about four cores (4096) a channel, and headroom."
  type        = number
  default     = 8192
}

variable "memory_mib" {
  description = "Memory of a task in MiB: twice the window's media of every rendition, and 20 KB a waiting viewer."
  type        = number
  default     = 16384
}

variable "packaging" {
  description = "Seconds: EXT-X-TARGETDURATION, and the wished length of a part."
  type        = object({ target_duration_seconds = number, part_target_seconds = number })
  default     = { target_duration_seconds = 2, part_target_seconds = 0.333 }

  validation {
    condition     = var.packaging.target_duration_seconds >= 1 && var.packaging.target_duration_seconds <= 10 && floor(var.packaging.target_duration_seconds) == var.packaging.target_duration_seconds
    error_message = "packaging.target_duration_seconds must be a whole number from 1 to 10."
  }

  validation {
    condition     = var.packaging.part_target_seconds >= 0.1 && var.packaging.part_target_seconds <= 1.0
    error_message = "packaging.part_target_seconds must be from 0.1 to 1.0."
  }
}

variable "tasks" {
  description = "Least and most tasks of the cell when no show is scheduled. { min = 0, max = 1 } runs it during shows only. More than one is for edges that look for a channel at every address of the cell's name."
  type        = object({ min = number, max = number })
  default     = { min = 1, max = 1 }
}

variable "encode_target_percent" {
  description = "CPU above which a cell of several tasks gets one more. What is left is the headroom for a scene that is hard to encode."
  type        = number
  default     = 55

  validation {
    condition     = var.encode_target_percent >= 20 && var.encode_target_percent <= 80
    error_message = "encode_target_percent must be from 20 to 80."
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

variable "archive" {
  description = "The bucket of replays: its name and ARN."
  type        = object({ bucket = string, arn = string })
}

variable "kms_key_arn" {
  description = "The key that encrypts archive, secret and logs."
  type        = string
}

variable "logs_bucket" {
  description = "Bucket for the encoders' load balancer's log."
  type        = string
}

variable "deletion_protection" {
  description = "Refuse to delete the load balancer and keep the secret 30 days. Set to false before destroying on purpose."
  type        = bool
  default     = true
}
