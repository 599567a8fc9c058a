"""Run by the interpreter that has kubernetes-validate: manifests as JSON in, what is wrong with each out."""

import json
import sys

import kubernetes_validate

found = {}
for manifest in json.load(sys.stdin):
    name = f"{manifest['kind']} {manifest['metadata']['name']}"
    try:
        kubernetes_validate.validate(manifest, sys.argv[1], strict=True)
    except Exception as error:
        found[name] = str(error).splitlines()[0]
json.dump(found, sys.stdout)
