variable "name" {
  description = "Prefix of every name, for example live-shop."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,23}$", var.name))
    error_message = "name must be 2 to 24 of a-z, 0-9 and '-', and begin with a letter."
  }
}

variable "aliases" {
  description = "Host names that viewers use, for example [\"live.example.com\"]."
  type        = list(string)

  validation {
    condition     = length(var.aliases) > 0
    error_message = "aliases needs at least one host name: CloudFront's own name has a certificate of CloudFront's, with older TLS."
  }
}

variable "certificate_arn" {
  description = "Certificate of the aliases, in us-east-1."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:acm:us-east-1:", var.certificate_arn))
    error_message = "certificate_arn must be in us-east-1: CloudFront looks nowhere else."
  }
}

variable "edge_domain" {
  description = "Host name of the HTTP load balancer of the edges, with a certificate for it."
  type        = string
}

variable "edge_header" {
  description = "Name of the header that carries the secret by which the load balancer knows this distribution."
  type        = string
}

variable "edge_secret" {
  description = "That secret."
  type        = string
  sensitive   = true
}

variable "shield_region" {
  description = "Region of CloudFront's origin shield: the region of the edges, or the nearest that has one."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.shield_region))
    error_message = "shield_region must be a region, for example eu-central-1."
  }
}

variable "archive_domain_name" {
  description = "Regional domain name of the bucket of replays."
  type        = string
}

variable "target_duration_seconds" {
  description = "EXT-X-TARGETDURATION of the slowest channel. An origin holds a request for three of them, and CloudFront must have more patience than that."
  type        = number
  default     = 2

  validation {
    condition     = var.target_duration_seconds >= 1 && var.target_duration_seconds <= 10
    error_message = "target_duration_seconds must be from 1 to 10."
  }
}

variable "allowed_origins" {
  description = "Shop pages that may play, by their origin: [\"https://shop.example.com\"]. [\"*\"] allows all, but not together with signed cookies."
  type        = list(string)
  default     = ["*"]

  validation {
    condition     = length(var.allowed_origins) > 0 && alltrue([for origin in var.allowed_origins : origin == "*" || can(regex("^https://[a-z0-9*.-]+(:[0-9]+)?$", origin))])
    error_message = "allowed_origins must be \"*\" or https origins without a path, for example https://shop.example.com."
  }
}

variable "signing_keys" {
  description = "Public keys (PEM) for signed cookies and URLs, by a name of your choice; with any, playback needs a signature. Two at a time let a key be replaced. RSA 2048 or ECDSA P-256."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(var.signing_keys) <= 5 && alltrue([for key in var.signing_keys : can(regex("^-----BEGIN PUBLIC KEY-----", key))])
    error_message = "signing_keys: at most five, each a PEM of a public key (BEGIN PUBLIC KEY)."
  }

  validation {
    condition     = length(var.signing_keys) == 0 || !contains(var.allowed_origins, "*")
    error_message = "signing_keys need allowed_origins by name: browsers send cookies to no wildcard."
  }
}

variable "geo_restriction" {
  description = "Countries by ISO code: { type = \"whitelist\", countries = [\"DE\", \"AT\"] }; type none for everywhere."
  type        = object({ type = string, countries = list(string) })
  default     = { type = "none", countries = [] }

  validation {
    condition     = contains(["none", "whitelist", "blacklist"], var.geo_restriction.type) && (var.geo_restriction.type == "none") == (length(var.geo_restriction.countries) == 0)
    error_message = "geo_restriction.type must be none without countries, or whitelist or blacklist with some."
  }
}

variable "price_class" {
  description = "Which of CloudFront's locations serve: PriceClass_100 (North America, Europe), PriceClass_200 or PriceClass_All."
  type        = string
  default     = "PriceClass_100"

  validation {
    condition     = contains(["PriceClass_100", "PriceClass_200", "PriceClass_All"], var.price_class)
    error_message = "price_class must be PriceClass_100, PriceClass_200 or PriceClass_All."
  }
}

variable "rate_limits" {
  description = "Requests of one address in five minutes, above which it is refused for a while. A viewer makes about 3,600 at 333 ms parts, and a whole office or a mobile carrier's gateway may be one address."
  type        = object({ playback = number, control = number })
  default     = { playback = 200000, control = 2000 }

  validation {
    condition     = var.rate_limits.playback >= 10000 && var.rate_limits.control >= 100
    error_message = "rate_limits.playback must be 10000 or more (two viewers), and control 100 or more."
  }
}

variable "kms_key_arn" {
  description = "Key in us-east-1 that encrypts the web ACL's log. Null for CloudWatch's own encryption."
  type        = string
  default     = null
}

variable "logs_arn" {
  description = "Bucket for the access log."
  type        = string
}

variable "log_retention_days" {
  description = "Days that the web ACL's log is kept."
  type        = number
  default     = 365
}
