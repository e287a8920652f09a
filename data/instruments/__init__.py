"""Files of instruments, read into records: one module a format, one module to choose between them.

=================  =========================================  =====================================
format             files                                      needs
=================  =========================================  =====================================
``gamry``          ``.DTA`` of Gamry Framework
``biologic_text``  ``.mpt`` and ``.txt`` of EC-Lab and BT-Lab
``biologic``       ``.mpr`` of EC-Lab                         ``pip install 'anodebayes[biologic]'``
``arbin``          ``.csv`` and ``.xlsx`` of Arbin
``arbin_res``      ``.res`` of Arbin                          ``pip install 'anodebayes[arbin]'``
``neware``         ``.csv`` and ``.xlsx`` of Neware
``neware_binary``  ``.nda`` and ``.ndax`` of Neware           ``pip install 'anodebayes[neware]'``
``landt``          text, ``.csv``, ``.xlsx`` of Landt
``maccor``         text of Maccor, and of Landt in its layout
``basytec``        text of Basytec
``novonix``        ``.csv`` of Novonix
``chi``            text of CH Instruments
``pstrace``        ``.csv`` of PalmSens' PSTrace
``nova``           text of Autolab's Nova
``plain``          ``.csv`` and ``.xlsx``: Battery Data
                   Format and ``quantity [unit]``
=================  =========================================  =====================================

Any of them may be compressed with gzip, text may be UTF-8, Windows-1252 or UTF-16. A format that is
a table with named columns is a `data.instruments.table_format.TableFormat` and little more than
what it calls the quantities: `data.instruments.novonix` is a short one to begin from.
`data.instruments.record` says what a record is, `data.instruments.reading` reads one.
`data.instruments.spectrum` reads impedance spectra,
`data.instruments.witnesses` what else a file tells of time and charge, and `data.instruments.bdf`
writes any record in the Battery Data Format.
"""
