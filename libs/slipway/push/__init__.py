"""Push a release: upload the content, then move the version tags and read each back, then write the record.

1. Find the content tags and version tags that the registry has. A version tag is written once: slipway refuses other
   content. Check that this login may write to the registry.
2. Upload each missing image under its content tag, parents first. Verify that the registry has the image as built.
3. Attach the documents that the project wants. Check that the registry has every blob that the version tags need.
4. Move the version tags by copying manifests. Read each back: a client's exit status proves nothing about a tag.
"""
