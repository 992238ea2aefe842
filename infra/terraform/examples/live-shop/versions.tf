terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.25, < 7.0"
    }
  }

  # State holds the CDN's secret: keep it encrypted, and locked. `terraform init -backend-config=backend.hcl` fills this in.
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      application = "vitrine"
      environment = var.name
    }
  }
}
