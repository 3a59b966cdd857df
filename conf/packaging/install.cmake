# SPDX-License-Identifier: Apache-2.0
# install.cmake: what belongs to the program besides itself, made by the build, and where `cmake --install` puts it. DESTDIR counts.
set(S3ONRAMP_UNIT_DIR lib/systemd/system CACHE STRING "Where units go")
set(S3ONRAMP_ZSH_DIR ${CMAKE_INSTALL_DATADIR}/zsh/site-functions CACHE STRING "Where completions for zsh go")
set(S3ONRAMP_ETC_DIR /etc CACHE STRING "Where configuration goes; the program looks in /etc/s3onramp")
set(here ${CMAKE_SOURCE_DIR}/conf/packaging)
set(made ${CMAKE_BINARY_DIR}/pages)
if(IS_ABSOLUTE ${S3ONRAMP_UNIT_DIR})
  set(unit_dir ${S3ONRAMP_UNIT_DIR})
else()
  set(unit_dir "\${CMAKE_INSTALL_PREFIX}/${S3ONRAMP_UNIT_DIR}")
endif()

# Man pages and completions, from the tables of commands and options (proxy/pages). A sanitizer's program may not run everywhere.
if(NOT S3ONRAMP_ASAN AND NOT S3ONRAMP_TSAN)
  file(GLOB page_templates CONFIGURE_DEPENDS ${here}/pages/*.in)
  add_executable(make_pages $<TARGET_OBJECTS:pages>)
  target_link_libraries(make_pages PRIVATE cli)
  add_custom_command(OUTPUT ${made}/made DEPENDS make_pages ${page_templates}
                     COMMAND ${CMAKE_COMMAND} -E rm -rf ${made}
                     COMMAND make_pages ${here}/pages ${made}
                     COMMAND ${CMAKE_COMMAND} -E touch ${made}/made VERBATIM)
  add_custom_target(pages_made ALL DEPENDS ${made}/made)
  install(DIRECTORY ${made}/man1 ${made}/man5 DESTINATION ${CMAKE_INSTALL_MANDIR})
  install(FILES ${made}/bash/s3onramp DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${made}/zsh/_s3onramp DESTINATION ${S3ONRAMP_ZSH_DIR})
  install(FILES ${made}/fish/s3onramp.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()

install(TARGETS s3onramp RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# Units: the program is where it is installed; of the template, each proxy has folders of its own.
set(units ${CMAKE_SOURCE_DIR}/conf/systemd)
set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${units}/s3onramp.service)
file(READ ${units}/s3onramp.service unit)
string(REPLACE "Description=s3onramp," "Description=s3onramp %i," unit "${unit}")
string(REPLACE /etc/s3onramp/s3onramp.ini /etc/s3onramp/%i/s3onramp.ini unit "${unit}")
string(REPLACE "LogsDirectory=s3onramp" "LogsDirectory=s3onramp/%i" unit "${unit}")
string(REPLACE "StateDirectory=s3onramp" "StateDirectory=s3onramp/%i" unit "${unit}")
string(REPLACE "RuntimeDirectory=s3onramp" "RuntimeDirectory=s3onramp/%i" unit "${unit}")
string(REGEX REPLACE "^# SPDX[^\n]*\n(#[^\n]*\n)*" "# SPDX-License-Identifier: Apache-2.0
# Several proxies on one machine: systemctl enable --now s3onramp@NAME runs one with /etc/s3onramp/NAME/s3onramp.ini. Its file says
# what is its own: [admin] socket = /run/s3onramp/NAME/admin.sock, [cost] state = /var/lib/s3onramp/NAME, and its logs'
# places. Otherwise as s3onramp.service.
" unit "${unit}")
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/units/s3onramp@.service CONTENT "${unit}" @ONLY)
install(CODE "
  foreach(unit ${units}/s3onramp.service ${CMAKE_BINARY_DIR}/units/s3onramp@.service)
    file(READ \${unit} text)
    string(REPLACE /usr/bin/ \${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/ text \"\${text}\")
    get_filename_component(name \${unit} NAME)
    file(WRITE ${CMAKE_BINARY_DIR}/units/installed/\${name} \"\${text}\")
    file(INSTALL DESTINATION \"${unit_dir}\" TYPE FILE FILES ${CMAKE_BINARY_DIR}/units/installed/\${name})
  endforeach()")
install(FILES ${units}/s3onramp.socket DESTINATION ${S3ONRAMP_UNIT_DIR})

install(FILES ${here}/etc/sysusers.conf DESTINATION lib/sysusers.d RENAME s3onramp.conf)
install(FILES ${here}/etc/tmpfiles.conf DESTINATION lib/tmpfiles.d RENAME s3onramp.conf)
install(FILES ${here}/etc/logrotate.conf DESTINATION ${S3ONRAMP_ETC_DIR}/logrotate.d RENAME s3onramp)
install(FILES ${here}/etc/apparmor DESTINATION ${S3ONRAMP_ETC_DIR}/apparmor.d RENAME s3onramp)
# What an administrator wrote stays.
install(CODE "
  if(NOT EXISTS \"\$ENV{DESTDIR}${S3ONRAMP_ETC_DIR}/s3onramp/s3onramp.ini\")
    file(INSTALL DESTINATION \"${S3ONRAMP_ETC_DIR}/s3onramp\" TYPE FILE FILES \"${here}/etc/s3onramp.ini\")
  endif()")

set(conf ${CMAKE_SOURCE_DIR}/conf)
install(DIRECTORY ${conf}/manual DESTINATION ${CMAKE_INSTALL_DOCDIR} PATTERN "*.md" EXCLUDE)
install(FILES ${conf}/s3onramp.ini ${conf}/prices.ini DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(DIRECTORY ${conf}/examples/ ${conf}/prometheus ${conf}/grafana ${conf}/cloudformation ${conf}/terraform ${conf}/ansible
        ${here}/kubernetes DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples PATTERN "*.md" EXCLUDE)
install(CODE "set(source ${CMAKE_SOURCE_DIR})\nset(out ${CMAKE_BINARY_DIR}/documents)")
install(SCRIPT ${here}/documents.cmake)
install(DIRECTORY ${CMAKE_BINARY_DIR}/documents/ DESTINATION ${CMAKE_INSTALL_DOCDIR})
