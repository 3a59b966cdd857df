# SPDX-License-Identifier: Apache-2.0
# documents.cmake: the documents of ${source} as they are installed, in ${out}: their links lead to where what they name is installed,
# and what is not is only named.

# document(FROM TO ABSENT [OLD NEW]...): links that begin with OLD begin with NEW then; ABSENT, a regular expression, is not installed.
function(document from to absent)
  file(READ ${source}/${from} text)
  set(pairs ${ARGN})
  while(pairs)
    list(POP_FRONT pairs old new)
    string(REPLACE "](${old}" "](${new}" text "${text}")
  endwhile()
  string(REGEX REPLACE "\\[([^]\n]*)\\]\\((${absent})[^)]*\\)" "\\1" text "${text}")
  file(WRITE ${out}/${to} "${text}")
endfunction()

file(REMOVE_RECURSE ${out})
document(README.md README.md "\\.github/CONTRIBUTING" .github/SECURITY SECURITY conf/manual/ manual/ conf/CHANGELOG CHANGELOG conf/ examples/)
document(.github/SECURITY.md SECURITY.md NOTHING ../conf/manual/ manual/)
document(conf/CHANGELOG.md CHANGELOG.md NOTHING)
file(GLOB pages RELATIVE ${source} ${source}/conf/manual/*.md)
foreach(page ${pages})
  get_filename_component(name ${page} NAME)
  document(${page} manual/${name} "\\.\\./\\.\\./tests/|\\.\\./systemd/" ../../README ../README ../s3onramp.ini ../examples/s3onramp.ini
           ../packaging/ ../examples/ ../cloudformation/ ../examples/cloudformation/ ../grafana/ ../examples/grafana/
           ../prometheus/ ../examples/prometheus/)
endforeach()
foreach(example ansible cloudformation terraform)
  document(conf/${example}/README.md examples/${example}/README.md NOTHING ../manual/ ../../manual/)
endforeach()
